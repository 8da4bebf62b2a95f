//! One client's watch.

use std::sync::Arc;

use meta::{ResourceVersion, Status};

use crate::object::Object;

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object came into the selection.
    Added(Arc<Object>),
    /// The object changed.
    Modified(Arc<Object>),
    /// The object went out of the selection; its last state, with the version of its going.
    Deleted(Arc<Object>),
    /// Everything up to that version was told.
    Bookmark {
        /// The version.
        revision: ResourceVersion,
        /// Whether this ends the initial events (`k8s.io/initial-events-end`).
        initial_events_end: bool,
    },
    /// The watch cannot go on; nothing follows.
    Error(Status),
}

/// A watch: a cursor into the events of a resource.
#[derive(Debug)]
pub struct Watcher {}

impl Watcher {
    /// The next event; none when the watch is over. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        None
    }

    /// The next event, if there is one already: lets a writer gather what is due into one write.
    pub fn try_next(&mut self) -> Option<WatchEvent> {
        None
    }
}
