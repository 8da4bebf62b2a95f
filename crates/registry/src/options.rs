//! What a client may ask for with each verb. Selectors, versions and tokens are the text of the request: what they mean
//! depends on the kind, so the resource reads them.

use bytes::Bytes;
use std::time::Duration;

/// Options of a get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// Empty: the newest state; `0`: any; else at least that version.
    pub resource_version: String,
}

/// Options of a list, and of the list inside a deletecollection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Empty selects everything.
    pub label_selector: String,
    /// Empty selects everything.
    pub field_selector: String,
    /// The version asked for; what it means depends on the match.
    pub resource_version: String,
    /// `NotOlderThan`, `Exact` or empty.
    pub resource_version_match: String,
    /// Objects per page; 0: all.
    pub limit: u64,
    /// The token of the page before.
    pub continue_token: String,
}

/// Options of a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// Empty selects everything.
    pub label_selector: String,
    /// Empty selects everything.
    pub field_selector: String,
    /// Where to start: after that version; empty or `0`: with the present state as ADDED events.
    pub resource_version: String,
    /// `NotOlderThan` or empty.
    pub resource_version_match: String,
    /// Whether BOOKMARK events may be sent.
    pub allow_bookmarks: bool,
    /// Whether to begin with the present state; none: as `resource_version` says.
    pub send_initial_events: Option<bool>,
    /// When the watch ends by itself.
    pub timeout: Option<Duration>,
}

/// What must be true of an object for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// This very object.
    pub uid: Option<String>,
    /// In this very state.
    pub resource_version: Option<String>,
}

/// What becomes of the objects that depend on a deleted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Nothing; they lose their owner.
    Orphan,
    /// They are deleted afterwards.
    Background,
    /// They are deleted first.
    Foreground,
}

impl Propagation {
    /// As the option spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "Orphan",
            Self::Background => "Background",
            Self::Foreground => "Foreground",
        }
    }
}

/// Options of a delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Seconds given to whoever looks after the object; none: as the kind has it.
    pub grace_period_seconds: Option<i64>,
    /// What must be true of the object.
    pub preconditions: Preconditions,
    /// What becomes of dependents; none: as the kind has it.
    pub propagation: Option<Propagation>,
    /// The older way of saying orphan or background.
    pub orphan_dependents: Option<bool>,
}

/// A patch: how it works, and its body as it came.
#[derive(Clone, Debug)]
pub enum PatchBody {
    /// RFC 6902.
    Json(Bytes),
    /// RFC 7396.
    Merge(Bytes),
    /// Merges lists as the type table says.
    Strategic(Bytes),
    /// Server-side apply, YAML or JSON.
    Apply {
        /// What the manager wants to be so.
        body: Bytes,
        /// Take fields over from other managers.
        force: bool,
    },
}
