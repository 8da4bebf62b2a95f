//! The default state store: a [`StateStore`](store::StateStore) in a directory of one disk.
//!
//! All changes go to a [log](log), in groups, and a group is durable before anybody is told of it. The log is
//! also where values are read from: an [index](index) in memory knows where each version of each key lies.
//! [History](history) is given up after a while; what is still needed of an old segment of the log is then
//! moved to the end of the log and the segment removed. [Checkpoints](format::checkpoint) of the index keep
//! the time bounded that it takes to open a store.
//!
//! `docs/store-format.md` draws what lies on disk, `docs/store-guarantees.md` says what may be relied on.
//!
//! - [`EmbeddedStore`] is the [engine](engine) with its two threads, the [writer] and the [keeper], behind
//!   the port. What comes alone to a quick disk is committed by [whoever asks](pace).
//! - [`disk`] is the seam to the file system.

mod clock;
#[cfg(test)]
mod crash_tests;
pub mod disk;
mod embedded_store;
mod engine;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod history;
mod import;
mod index;
mod keeper;
mod located;
mod log;
mod options;
mod pace;
mod pins;
mod queue;
mod recovery;
mod segments;
pub mod simulation;
mod verification;
mod version;
mod watches;
mod watching;
mod writer;

pub use embedded_store::EmbeddedStore;
pub use engine::Statistics;
pub use import::Import;
pub use options::Options;
pub use verification::{Report, measure, verify, verify_disk};
