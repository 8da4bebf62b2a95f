//! Forgetting history.

use store::{Key, Revision, StoreError};

use super::{Engine, State};
use crate::format::record::{RECORD_HEADER, Record};

/// So many changes are forgotten before others get a turn at the state.
const FORGET_AT_ONCE: usize = 500;

impl Engine {
    /// Makes `revision` the oldest that can be read, durably. What is not needed any more is
    /// [forgotten](Self::forget) later.
    pub(crate) fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        let mut log = self.log.lock();
        self.window().compactable(revision)?;
        let record = Record::compact(revision.get());
        self.append_records_to(&mut log, RECORD_HEADER, |slot| slot.push(&record))?;
        self.pins.set_compacted(revision.get());
        Ok(())
    }

    /// Forgets what no read can see any more. Gives whether that is all there was to forget, or reads hold
    /// some of it back.
    pub(crate) fn forget(&self) -> bool {
        let horizon = self.pins.horizon();
        loop {
            let keys = self.history.forget(horizon, FORGET_AT_ONCE);
            if keys.is_empty() {
                break;
            }
            self.prune(&keys, horizon);
        }
        // Changes at the horizon can still be watched, but what they replaced cannot be read any more.
        self.prune(&self.history.keys_changed_at(horizon), horizon);
        horizon == self.pins.compacted()
    }

    fn prune(&self, keys: &[Key], horizon: u64) {
        let mut state = self.state.write();
        let State { index, segments } = &mut *state;
        for key in keys {
            index.prune(key, horizon, |location| segments.release(location));
        }
    }
}
