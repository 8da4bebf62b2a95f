//! One change of one object, as watchers are told of it.

use std::sync::{Arc, OnceLock};

use meta::{ResourceVersion, Status};

use crate::object::Object;

/// What was, and what is.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) revision: ResourceVersion,
    /// None if the object was removed.
    pub(crate) current: Option<Arc<Object>>,
    /// None if the object was not there before.
    pub(crate) previous: Option<Arc<Object>>,
    /// Why the object cannot be read any more, if that is the change; it counts as removed then.
    pub(crate) damage: Option<Arc<Damage>>,
    gone: OnceLock<Arc<Object>>,
}

/// What lies in the store under a key and is no object.
#[derive(Debug)]
pub(crate) struct Damage {
    /// The key below the storage prefix.
    pub(crate) key: Box<str>,
    /// What is wrong.
    pub(crate) problem: String,
}

impl Damage {
    /// What those are told who ask for the object, or for a list with it.
    pub(crate) fn to_status(&self, prefix: &str) -> Status {
        let key = [prefix, &self.key].concat();
        let problem = &self.problem;
        Status::internal(format_args!("unable to transform key {key:?}: {problem}"))
    }
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
            damage: None,
            gone: OnceLock::new(),
        }
    }

    /// The object that was `previous` cannot be read any more.
    pub(crate) fn damaged(
        revision: ResourceVersion,
        damage: Arc<Damage>,
        previous: Option<Arc<Object>>,
    ) -> Self {
        Self {
            damage: Some(damage),
            ..Self::new(revision, None, previous)
        }
    }

    /// The previous state with the version of this change: what those are told who no longer see the object. Made once for
    /// all of them.
    pub(crate) fn gone(&self) -> Option<&Arc<Object>> {
        let previous = self.previous.as_ref()?;
        Some(self.gone.get_or_init(|| Arc::new(previous.at(self.revision))))
    }

    /// Everything of it that a watch may show.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Arc<Object>> {
        let gone = if self.damage.is_none() { self.gone() } else { None };
        self.states().chain(gone)
    }

    /// The object's key.
    pub(crate) fn key(&self) -> &str {
        let damaged = self.damage.as_ref().map(|damage| &*damage.key);
        let object = self.states().next().map(|object| object.key());
        object.or(damaged).unwrap_or_default()
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
