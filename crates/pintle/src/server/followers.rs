//! Feeds what decides by objects (roles, the graph of nodes) from the watch caches.

use std::sync::Arc;

use auth::Follower;
use meta::{GroupResource, Status};
use registry::{ListOptions, Registry, Resource, WatchEvent, WatchOptions, Watcher};
use tokio_util::sync::CancellationToken;

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
        let watcher = catch_up(&resource, &name, &*follower).await?;
        let following = follow(resource, name, follower.clone(), watcher);
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(following));
    }
    Ok(())
}

/// Tells everything there is, and gives the watch that goes on from there.
async fn catch_up(
    resource: &Resource,
    name: &GroupResource,
    follower: &dyn Follower,
) -> Result<Watcher, Status> {
    let page = resource.list(None, &ListOptions::default()).await?;
    page.items
        .iter()
        .for_each(|object| follower.set(name, &object.tree()));
    let options = WatchOptions {
        resource_version: page.revision.to_string(),
        ..WatchOptions::default()
    };
    resource.watch(None, &options).await
}

async fn follow(
    resource: Arc<Resource>,
    name: GroupResource,
    follower: Arc<dyn Follower>,
    mut watcher: Watcher,
) {
    loop {
        match watcher.next().await {
            Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                follower.set(&name, &object.tree());
            }
            Some(WatchEvent::Deleted(object)) => follower.remove(&name, object.namespace(), object.name()),
            Some(WatchEvent::Bookmark { .. }) => {}
            // The follower fell behind what the cache holds of the past.
            Some(WatchEvent::Error(_)) | None => match catch_up(&resource, &name, &*follower).await {
                Ok(next) => watcher = next,
                Err(status) => {
                    tracing::error!(resource = %name, status = status.message, "no longer followed");
                    return;
                }
            },
        }
    }
}
