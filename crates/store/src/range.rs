//! Reading a range of keys.

use crate::{KeyRange, KeyValue, Revision};

/// Asks for the keys of a range as they were at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// Which keys.
    pub range: KeyRange,
    /// The revision to read at; `None` reads the current one.
    pub at: Option<Revision>,
    /// At most so many keys; `None` for all of them.
    pub limit: Option<usize>,
    /// What to answer of each key.
    pub projection: Projection,
}

/// What a range answers of each key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// Keys with their values.
    #[default]
    KeysAndValues,
    /// Keys and revisions; values are left empty.
    KeysOnly,
    /// Nothing but the number of keys.
    CountOnly,
}

impl RangeRequest {
    /// All keys of `range` with their values, now.
    pub fn new(range: KeyRange) -> Self {
        Self {
            range,
            at: None,
            limit: None,
            projection: Projection::default(),
        }
    }

    /// Reads at an older revision.
    pub fn at(mut self, revision: Revision) -> Self {
        self.at = Some(revision);
        self
    }

    /// Answers at most `limit` keys.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Leaves the values out.
    pub fn keys_only(mut self) -> Self {
        self.projection = Projection::KeysOnly;
        self
    }

    /// Answers the number of keys only.
    pub fn count_only(mut self) -> Self {
        self.projection = Projection::CountOnly;
        self
    }
}

/// The answer to a [`RangeRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResponse {
    /// The revision that was read: the one asked for, or the current one.
    pub revision: Revision,
    /// The keys, in order. Empty if only the count was asked for.
    pub key_values: Vec<KeyValue>,
    /// Whether the range holds keys after the last one answered.
    pub more: bool,
    /// How many keys the whole range holds, whatever the limit.
    pub count: usize,
}
