//! The store transactions that writes end in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meta::{ResourceVersion, Status};
use store::{Key, KeyValue, Outcome, Revision, Transaction};

use super::Resource;
use crate::cache::Cache;
use crate::caches::Caches;
use crate::context::RequestContext;
use crate::draft::Draft;
use crate::fault;
use crate::hooks::{Guard, Pending};
use crate::object::Object;
use crate::served::Served;

/// How a write ended.
pub(super) enum Put {
    Done(Arc<Object>),
    /// Somebody was faster, and this is what the key holds. It may be what was expected: then what was taken for the write
    /// may be somebody else's by now, and is to be taken anew.
    Raced(Option<KeyValue>),
}

/// How a removal ended.
pub(super) enum Removed {
    Done(ResourceVersion),
    /// The key was not in the expected state; this is what it holds.
    Raced(Option<KeyValue>),
}

impl Resource {
    /// Writes a draft if its key was last changed at `expected`; none: if there is no such key. What was taken for the write is
    /// kept if it happens.
    pub(super) async fn put(
        &self,
        served: &Served,
        draft: Draft,
        expected: Option<ResourceVersion>,
        taken: Option<Box<dyn Pending>>,
    ) -> Result<Put, Status> {
        let write = Write {
            caches: Arc::clone(&self.shared.caches),
            cache: Arc::clone(&served.cache),
            key: key(served, draft.index().key()),
            draft,
            expected: revision(expected),
            time_to_live: self.kind.time_to_live(),
        };
        let written = match taken {
            None => write.run(None).await,
            Some(taken) => finish(write.run_keeping(taken)).await,
        };
        Ok(match written? {
            Written::Done(object) => {
                served.prepare(std::iter::once(&object)).await?;
                Put::Done(served.show(&object))
            }
            Written::Raced(existing) => Put::Raced(existing),
        })
    }

    /// Removes an object from the store if it is still in that state, and lets the hooks know.
    pub(super) async fn remove(
        &self,
        context: &RequestContext,
        served: &Served,
        object: &Object,
    ) -> Result<Removed, Status> {
        let transaction =
            Transaction::delete_at(key(served, object.key()), revision(object.resource_version()));
        let caches = Arc::clone(&self.shared.caches);
        let removal = async move {
            let outcome = caches.store().commit(transaction).await;
            match outcome.map_err(fault::of_store)? {
                Outcome::Committed { revision } => version(revision).map(Removed::Done),
                Outcome::Conflict { mut current, .. } => Ok(Removed::Raced(current.pop().flatten())),
            }
        };
        let Some(hooks) = self.shared.plugins()?.hooks.get(&self.group_resource).cloned() else {
            return removal.await;
        };
        let (context, old) = (context.clone(), object.tree());
        finish(async move {
            let removed = removal.await?;
            if let Removed::Done(_) = removed {
                hooks.after_delete(&context, &old).await;
            }
            Ok(removed)
        })
        .await
    }
}

/// A write on its way.
struct Write {
    caches: Arc<Caches>,
    cache: Arc<Cache>,
    key: Key,
    draft: Draft,
    expected: Revision,
    time_to_live: Option<Duration>,
}

enum Written {
    Done(Arc<Object>),
    Raced(Option<KeyValue>),
}

impl Write {
    async fn run(self, guard: Option<Guard>) -> Result<Written, Status> {
        let (key, value) = (self.key, self.draft.value().clone());
        let transaction = Transaction::new().require(key.clone(), self.expected);
        let transaction = match self.time_to_live {
            Some(time_to_live) => transaction.put_for(key, value, time_to_live),
            None => transaction.put(key, value),
        };
        let transaction = match guard {
            Some(guard) => transaction
                .require(guard.key.clone(), guard.revision)
                .put(guard.key, Bytes::new()),
            None => transaction,
        };
        let announcement = self.cache.announce(&self.draft);
        match self.caches.store().commit(transaction).await {
            Ok(Outcome::Committed { revision }) => {
                announcement.stands();
                Ok(Written::Done(self.draft.written_at(version(revision)?)))
            }
            // The object's own key comes first.
            Ok(Outcome::Conflict { current, .. }) => Ok(Written::Raced(current.into_iter().next().flatten())),
            Err(error) => Err(fault::of_store(error)),
        }
    }

    async fn run_keeping(self, taken: Box<dyn Pending>) -> Result<Written, Status> {
        let written = self.run(taken.guard()).await?;
        if let Written::Done(object) = &written {
            let at = object.resource_version().map_or(0, |version| version.get());
            taken.keep(Revision::new(at));
        }
        Ok(written)
    }
}

/// Runs to the end even if the client goes away meanwhile: what follows on a commit must follow.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|error| Err(Status::internal(error)))
}

fn version(revision: Revision) -> Result<ResourceVersion, Status> {
    ResourceVersion::new(revision.get()).ok_or_else(|| Status::internal("a commit has no revision"))
}

fn key(served: &Served, object_key: &str) -> Key {
    Key::from([served.cache.prefix(), object_key].concat())
}

fn revision(expected: Option<ResourceVersion>) -> Revision {
    expected.map_or(Revision::ZERO, |version| Revision::new(version.get()))
}
