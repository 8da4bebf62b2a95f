//! Pods that are given more or less of CPU and memory while they run.
//!
//! What a pod asks for, what the node grants it, and what its containers have may be three things for a while. Workers see
//! the pod as it is granted; what it asks for beyond that waits with the manager, until there is room. What containers were
//! made or changed with is remembered for each run; where that is not what is granted, the plan says what to do.

mod given;
mod grant;
mod message;

pub use given::{Change, Given};
pub use grant::Grant;
pub use message::resize_message;

use jiff::Timestamp;

/// What a pod asks for and cannot have now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// Why not.
    pub message: String,
    /// Of the pod that asks for it.
    pub generation: Option<i64>,
}

/// A change that was granted and is not done yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InProgress {
    pub generation: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// How far the changes of a pod are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resizing {
    pub deferred: Option<Deferred>,
    pub in_progress: Option<InProgress>,
    /// Not before this moment is it tried again.
    pub retry_at: Option<Timestamp>,
}
