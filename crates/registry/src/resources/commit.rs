//! The store transactions that writes end in.

use std::sync::Arc;

use meta::{ResourceVersion, Status};
use store::{Key, KeyValue, Outcome, Revision, Transaction};

use super::Resource;
use crate::draft::Draft;
use crate::fault;
use crate::object::Object;
use crate::served::Served;

/// How a write ended.
pub(super) enum Put {
    Done(Arc<Object>),
    /// The key was not in the expected state; this is what it holds.
    Raced(Option<KeyValue>),
}

/// How a removal ended.
pub(super) enum Removed {
    Done(ResourceVersion),
    /// The key was not in the expected state; this is what it holds.
    Raced(Option<KeyValue>),
}

impl Resource {
    /// Writes a draft if its key was last changed at `expected`; none: if there is no such key.
    pub(super) async fn put(
        &self,
        served: &Served,
        draft: Draft,
        expected: Option<ResourceVersion>,
    ) -> Result<Put, Status> {
        let key = key(served, draft.index().key());
        let value = draft.value().clone();
        let transaction = Transaction::new().require(key.clone(), revision(expected));
        let transaction = match self.kind.time_to_live() {
            Some(time_to_live) => transaction.put_for(key, value, time_to_live),
            None => transaction.put(key, value),
        };
        served.cache.announce(draft.clone());
        let outcome = self.shared.caches.store().commit(transaction).await;
        match outcome {
            Ok(Outcome::Committed { revision }) => {
                let object = Arc::new(draft.at(ResourceVersion::new(revision.get())));
                Ok(Put::Done(served.show(&object)))
            }
            Ok(Outcome::Conflict { mut current, .. }) => {
                served.cache.withdraw(&draft);
                Ok(Put::Raced(current.pop().flatten()))
            }
            Err(error) => {
                served.cache.withdraw(&draft);
                Err(fault::of_store(error))
            }
        }
    }

    /// Removes a key if it was last changed at `expected`.
    pub(super) async fn remove(
        &self,
        served: &Served,
        object_key: &str,
        expected: Option<ResourceVersion>,
    ) -> Result<Removed, Status> {
        let transaction = Transaction::delete_at(key(served, object_key), revision(expected));
        let outcome = self.shared.caches.store().commit(transaction).await;
        match outcome.map_err(fault::of_store)? {
            Outcome::Committed { revision } => {
                let revision = ResourceVersion::new(revision.get());
                revision
                    .map(Removed::Done)
                    .ok_or_else(|| Status::internal("a commit has no revision"))
            }
            Outcome::Conflict { mut current, .. } => Ok(Removed::Raced(current.pop().flatten())),
        }
    }
}

fn key(served: &Served, object_key: &str) -> Key {
    Key::from([served.cache.prefix(), object_key].concat())
}

fn revision(expected: Option<ResourceVersion>) -> Revision {
    expected.map_or(Revision::ZERO, |version| Revision::new(version.get()))
}
