//! What one store does, one operation after the other: the keys of one part of the history.

use bytes::Bytes;

use crate::KeyValue;

/// A key as it is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) value: Bytes,
    pub(super) mod_revision: u64,
    pub(super) version: u64,
}

impl Held {
    pub(super) fn of(key_value: &KeyValue) -> Self {
        Self {
            value: key_value.value.clone(),
            mod_revision: key_value.mod_revision.get(),
            version: key_value.version,
        }
    }
}

/// The keys of the part, by their numbers.
pub(super) type State = Vec<Option<Held>>;

/// One operation with its keys as numbers.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// These keys were found so, all at once.
    Seen(Vec<(usize, Option<Held>)>),
    /// The preconditions held and the changes were made; or may have been, if nobody was answered.
    Changed {
        /// Which keys had to have which revision; zero demands absence.
        preconditions: Vec<(usize, u64)>,
        /// The new values; `None` deletes.
        changes: Vec<(usize, Option<Bytes>)>,
        /// The revision of the changes, or a number that is no revision if nobody has seen it.
        revision: u64,
    },
    /// A precondition did not hold. These are all of them, and what was found.
    Refused {
        /// Which keys had to have which revision.
        preconditions: Vec<(usize, u64)>,
        /// What was found for them.
        found: Vec<Option<Held>>,
    },
}

impl Step {
    /// The state after the step, if the store can have done it in this state.
    pub(super) fn apply(&self, state: &State) -> Option<State> {
        match self {
            Self::Seen(seen) => {
                let fits = seen.iter().all(|(key, held)| state[*key] == *held);
                fits.then(|| state.clone())
            }
            Self::Refused { preconditions, found } => {
                let as_found = preconditions
                    .iter()
                    .zip(found)
                    .all(|((key, _), held)| state[*key] == *held);
                (as_found && preconditions.len() == found.len() && !hold(preconditions, state))
                    .then(|| state.clone())
            }
            Self::Changed {
                preconditions,
                changes,
                revision,
            } => {
                if !hold(preconditions, state) {
                    return None;
                }
                let mut after = state.clone();
                for (key, value) in changes {
                    let version = state[*key].as_ref().map_or(0, |held| held.version) + 1;
                    after[*key] = value.clone().map(|value| Held {
                        value,
                        mod_revision: *revision,
                        version,
                    });
                }
                Some(after)
            }
        }
    }
}

fn hold(preconditions: &[(usize, u64)], state: &State) -> bool {
    preconditions.iter().all(|(key, demanded)| {
        let found = state[*key].as_ref().map_or(0, |held| held.mod_revision);
        found == *demanded
    })
}
