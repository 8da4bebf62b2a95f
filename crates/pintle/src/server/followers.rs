//! Feeds what decides by objects (roles, the graph of nodes) from the watch caches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use auth::Follower;
use meta::{GroupResource, Status};
use registry::{ListOptions, Object, Registry, Resource, WatchEvent, WatchOptions, Watcher};
use tokio_util::sync::CancellationToken;

/// After the store failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Brings a follower up to date; from then on, until the token fires, it is told of each change.
pub(super) async fn feed(
    registry: &Registry,
    follower: Arc<dyn Follower>,
    shutdown: &CancellationToken,
) -> Result<(), Status> {
    for name in follower.resources() {
        let Some(resource) = registry
            .resources()
            .iter()
            .find(|r| *r.group_resource() == name)
            .cloned()
        else {
            continue;
        };
        let mut feed = Feed {
            name,
            resource,
            follower: follower.clone(),
            known: HashMap::new(),
        };
        let watcher = feed.catch_up().await?;
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(feed.run(watcher)));
    }
    Ok(())
}

/// One resource that is followed.
struct Feed {
    name: GroupResource,
    resource: Arc<Resource>,
    follower: Arc<dyn Follower>,
    /// What the follower knows, by key, as the cache had it then: what a new list does not show is gone.
    known: HashMap<Box<str>, Arc<Object>>,
}

impl Feed {
    /// Tells everything there is and what is no more, and gives the watch that goes on from there.
    async fn catch_up(&mut self) -> Result<Watcher, Status> {
        let page = self.resource.list(None, &ListOptions::default()).await?;
        let mut gone = self.known.clone();
        for object in &page.items {
            self.set(object);
            gone.remove(object.key());
        }
        for object in gone.values() {
            self.remove(object);
        }
        let options = WatchOptions {
            resource_version: page.resource_version(),
            ..WatchOptions::default()
        };
        self.resource.watch(None, &options).await
    }

    /// Tells of an object, if it is the follower's business and has changed in more than its metadata.
    fn set(&mut self, object: &Arc<Object>) {
        let field = |field: &str| object.field(field);
        if self.follower.passes_over(&self.name, &field) {
            return self.remove(object);
        }
        let before = match self.known.get_mut(object.key()) {
            Some(before) => Some(std::mem::replace(before, Arc::clone(object))),
            None => self.known.insert(object.key().into(), Arc::clone(object)),
        };
        if before.is_none_or(|before| !object.differs_in_metadata_only(&before)) {
            self.follower.set(&self.name, &object.tree());
        }
    }

    fn remove(&mut self, object: &Object) {
        if self.known.remove(object.key()).is_some() {
            self.follower
                .remove(&self.name, object.namespace(), object.name());
        }
    }

    async fn run(mut self, mut watcher: Watcher) {
        loop {
            match watcher.next().await {
                Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    self.set(&object);
                }
                Some(WatchEvent::Deleted(object)) => self.remove(&object),
                Some(WatchEvent::Bookmark { .. }) => {}
                // The follower fell behind what the cache holds of the past.
                Some(WatchEvent::Error(_)) | None => watcher = self.follow_again().await,
            }
        }
    }

    /// However long the store is away: until then decisions are made by what was known last.
    async fn follow_again(&mut self) -> Watcher {
        loop {
            match self.catch_up().await {
                Ok(watcher) => return watcher,
                Err(status) => {
                    tracing::warn!(resource = %self.name, status = status.message, "not followed at present");
                }
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}
