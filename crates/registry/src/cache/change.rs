//! One change of one object, as watchers are told of it.

use std::sync::{Arc, OnceLock};

use meta::ResourceVersion;

use crate::object::Object;

/// What was, and what is.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) revision: ResourceVersion,
    /// None if the object was removed.
    pub(crate) current: Option<Arc<Object>>,
    /// None if the object was not there before.
    pub(crate) previous: Option<Arc<Object>>,
    gone: OnceLock<Arc<Object>>,
}

impl Change {
    pub(crate) fn new(
        revision: ResourceVersion,
        current: Option<Arc<Object>>,
        previous: Option<Arc<Object>>,
    ) -> Self {
        Self {
            revision,
            current,
            previous,
            gone: OnceLock::new(),
        }
    }

    /// The previous state with the version of this change: what those are told who no longer see the object. Made once for
    /// all of them.
    pub(crate) fn gone(&self) -> Option<&Arc<Object>> {
        let previous = self.previous.as_ref()?;
        Some(self.gone.get_or_init(|| Arc::new(previous.at(self.revision))))
    }

    /// The object's key.
    pub(crate) fn key(&self) -> &str {
        self.states().next().map_or("", |object| object.key())
    }

    /// The object after and before.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.current.iter().chain(&self.previous)
    }

    /// About how many bytes are kept for this change alone: the state before it.
    pub(crate) fn cost(&self) -> usize {
        let previous = self.previous.as_ref().map_or(0, |object| object.json().len());
        size_of::<Self>() + previous
    }
}
