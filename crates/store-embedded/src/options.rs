//! What can be set about a store.

use std::thread;
use std::time::Duration;

/// Limits and sizes of a store. The defaults suit a control plane of any size.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long replaced and deleted values stay readable.
    pub history: Duration,
    /// At most so many changes of history are kept, however young they are.
    pub max_history_changes: usize,
    /// The size of a log segment: the space that a nearly empty store takes.
    pub segment_bytes: u32,
    /// A checkpoint is written after about so much log, or four times the size of the last checkpoint if that is
    /// more. What lies behind the last checkpoint is read again when the store is opened.
    pub checkpoint_bytes: u64,
    /// The values of the newest changes are held in memory for watches, up to so many bytes.
    pub recent_value_bytes: usize,
    /// Whether values are stored compressed where that pays.
    pub pack_values: bool,
    /// The largest transaction taken, keys and values together. The default is etcd's.
    pub max_transaction_bytes: usize,
    /// Whether a transaction that comes alone is committed by the thread that asks for it while the disk is quick, which saves
    /// waking another. By default where there is a second processor: others are to go on meanwhile.
    pub commits_on_caller: bool,
    /// Transactions are gathered into one write to the disk up to about so many bytes.
    pub max_group_bytes: usize,
    /// So many bytes of transactions may wait for the disk; more are refused.
    pub max_queue_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: Duration::from_secs(5 * 60),
            max_history_changes: 500_000,
            segment_bytes: 16 << 20,
            checkpoint_bytes: 32 << 20,
            recent_value_bytes: 1 << 20,
            pack_values: true,
            max_transaction_bytes: 3 << 19,
            commits_on_caller: thread::available_parallelism().is_ok_and(|count| count.get() > 1),
            max_group_bytes: 4 << 20,
            max_queue_bytes: 64 << 20,
        }
    }
}
