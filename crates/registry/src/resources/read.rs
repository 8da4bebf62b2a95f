//! Reading: get, list and watch, all served from the watch cache.

use std::sync::Arc;
use std::time::Duration;

use meta::{ResourceVersion, Status};
use resource::SubresourceKind;
use tokio::time::timeout;

use super::Resource;
use super::target::path_key;
use crate::cache::{Snapshot, Start};
use crate::continue_token::ContinueToken;
use crate::fault;
use crate::list_options::{Consistency, ListPlan, WatchStart, parse_version, version_of_list};
use crate::object::Object;
use crate::options::{GetOptions, ListOptions, WatchOptions};
use crate::selection::Selection;
use crate::served::Served;
use crate::watcher::Watcher;

/// How long a read waits for a version that the server has not reached, as long as upstream does.
const WAIT_FOR_VERSION: Duration = Duration::from_secs(3);

/// A list, or a page of one.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects, in order of namespace and name.
    pub items: Vec<Arc<Object>>,
    /// The version of the list; none for a list of what is not stored.
    pub revision: Option<ResourceVersion>,
    /// Asks for the next page; empty on the last.
    pub continue_token: String,
    /// How many objects follow, where that is known.
    pub remaining: Option<u64>,
}

impl Page {
    /// The version of the list as clients see it; empty if there is none.
    pub fn resource_version(&self) -> String {
        self.revision
            .map(|revision| revision.to_string())
            .unwrap_or_default()
    }
}

impl Resource {
    /// One object. `namespace` is empty for cluster-scoped resources.
    pub async fn get(
        &self,
        namespace: &str,
        name: &str,
        options: &GetOptions,
    ) -> Result<Arc<Object>, Status> {
        if let Some(observed) = self.observed()? {
            return Ok(Arc::new(Object::unstored(observed.named(name).await?)));
        }
        let served = self.served()?;
        let key = path_key(namespace, name)?;
        match self.version_to_get(&options.resource_version)? {
            None => self.shared.caches.catch_up().await?,
            Some(revision) => self.reach(revision).await?,
        };
        let object = served.cache.get(&key)?;
        served.prepare(object.iter()).await?;
        object
            .map(|object| served.show(&object))
            .ok_or_else(|| self.not_found(name))
    }

    /// The version of a get. Where upstream has no cache it is refused as that of a list is.
    fn version_to_get(&self, version: &str) -> Result<Option<u64>, Status> {
        match self.kind.lists_any_version_whole() {
            true => parse_version(version),
            false => version_of_list(version),
        }
    }

    /// A subresource that reads: the object itself for a part, the other kind for a projection (`scale`).
    pub async fn get_subresource(
        &self,
        namespace: &str,
        name: &str,
        subresource: &str,
        options: &GetOptions,
    ) -> Result<Arc<Object>, Status> {
        let works_as = &self.subresource(subresource)?.works_as;
        let object = self.get(namespace, name, options).await?;
        match works_as {
            SubresourceKind::Part => Ok(object),
            SubresourceKind::Projection(projection) => {
                let seen = projection.read(&object.tree())?;
                Ok(Arc::new(Object::unstored(seen)))
            }
            SubresourceKind::Action | SubresourceKind::Connect { .. } => {
                Err(Status::method_not_supported(&self.group_resource, "get"))
            }
        }
    }

    /// Objects of a namespace, or of all.
    pub async fn list(&self, namespace: Option<&str>, options: &ListOptions) -> Result<Page, Status> {
        if let Some(observed) = self.observed()? {
            return self.list_observed(&**observed, namespace, options).await;
        }
        let served = self.served()?;
        let selection = Selection::new(
            &*self.kind,
            namespace,
            &options.label_selector,
            &options.field_selector,
        )?;
        let plan = ListPlan::new(options, self.kind.lists_any_version_whole())?;
        let snapshot = self.snapshot(served, &selection, &plan).await?;
        snapshot.ensure_readable(&selection, served.cache.prefix())?;
        served.prepare(snapshot.candidates(&selection, None)).await?;
        page(served, &selection, &plan, &snapshot)
    }

    async fn snapshot(
        &self,
        served: &Served,
        selection: &Selection,
        plan: &ListPlan,
    ) -> Result<Snapshot, Status> {
        let caches = &self.shared.caches;
        let applied = match plan.consistency {
            Consistency::MostRecent => caches.catch_up().await?,
            Consistency::Any => caches.applied(),
            Consistency::NotOlderThan(revision) => self.reach(revision).await?,
            Consistency::Exact(revision) => {
                self.reach(revision).await.map_err(not_to_be_repeated)?;
                // What the store has forgotten is not told from memory either: a list that was begun ends the same way everywhere.
                let is_forgotten = revision < caches.store().compacted_revision().get();
                if let Some(snapshot) = served.cache.snapshot_at(revision)
                    && !is_forgotten
                {
                    return Ok(snapshot);
                }
                let snapshot = caches.read_at(&served.cache, revision).await;
                return snapshot.map_err(|e| if e.is_expired() { too_old_to_list(plan) } else { e });
            }
        };
        let narrowing = selection.narrowing(served.is_stored());
        Ok(served.cache.snapshot(applied, narrowing))
    }

    /// Waits a little for a version, and answers with the version the caches have then.
    async fn reach(&self, revision: u64) -> Result<u64, Status> {
        let caches = &self.shared.caches;
        match timeout(WAIT_FOR_VERSION, caches.reach(revision)).await {
            Ok(applied) => Ok(applied),
            Err(_) => {
                let status = fault::too_large_resource_version(revision, caches.applied());
                // Where upstream has no cache, it is the store that says so.
                Err(match self.kind.lists_any_version_whole() {
                    true => status,
                    false => not_to_be_repeated(status),
                })
            }
        }
    }

    /// Changes in a namespace, or in all. One object is watched with the field selector `metadata.name=x`.
    pub async fn watch(&self, namespace: Option<&str>, options: &WatchOptions) -> Result<Watcher, Status> {
        let served = self.served_for("watch")?;
        let selection = Selection::new(
            &*self.kind,
            namespace,
            &options.label_selector,
            &options.field_selector,
        )?;
        let start = WatchStart::new(options)?;
        let mut watcher = self.begin_watch(served, selection, start).await?;
        watcher.set_times(options.allow_bookmarks, options.timeout);
        Ok(watcher)
    }

    async fn begin_watch(
        &self,
        served: &Served,
        selection: Selection,
        start: WatchStart,
    ) -> Result<Watcher, Status> {
        let caches = &self.shared.caches;
        let (applied, from) = match start {
            WatchStart::State { not_older_than, .. } => {
                let reached = match not_older_than {
                    None => Ok(caches.catch_up().await?),
                    Some(revision) => self.reach(revision).await,
                };
                match reached {
                    Ok(applied) => (applied, Start::Now),
                    Err(status) => {
                        let watcher = Watcher::new(served.clone(), selection, Arc::clone(caches));
                        return Ok(watcher.failed(status));
                    }
                }
            }
            WatchStart::MostRecent => (caches.catch_up().await?, Start::Now),
            WatchStart::After(revision) => (revision, Start::After(revision)),
        };
        let interest = selection.interest(served.is_stored());
        let narrowing = match start {
            WatchStart::State { .. } => selection.narrowing(served.is_stored()),
            WatchStart::MostRecent | WatchStart::After(_) => None,
        };
        let followed = served.cache.follow(interest, narrowing, from, applied);
        let mut watcher = Watcher::new(served.clone(), selection, Arc::clone(caches));
        let followed = match followed {
            Ok(followed) => followed,
            Err(too_old) => {
                let message = format!("too old resource version: {applied} ({})", too_old.oldest);
                return Ok(watcher.failed(Status::expired(message)));
            }
        };
        watcher.follow(followed.cursor, followed.after);
        if let Err(status) = watcher.prepare(&followed.missed, &followed.state, start).await {
            return Ok(watcher.failed(status));
        }
        watcher.tell_missed(&followed.missed);
        if let WatchStart::State { .. } = start
            && let Err(status) = watcher.ensure_readable(&followed.state)
        {
            return Ok(watcher.failed(status));
        }
        if let WatchStart::State { marked, .. } = start {
            watcher.tell_state(&followed.state);
            if marked {
                watcher.mark_state(version(followed.state.revision)?);
            }
        }
        Ok(watcher)
    }
}

/// Upstream asks its store for the state of a revision, which does not say when it will be there.
fn not_to_be_repeated(mut status: Status) -> Status {
    if let Some(details) = &mut status.details {
        details.retry_after_seconds = 0;
    }
    status
}

/// A store in use has revisions: starting to follow it makes the first.
fn version(revision: u64) -> Result<ResourceVersion, Status> {
    ResourceVersion::new(revision).ok_or_else(|| Status::internal("the store has no revision"))
}

/// 410 for a state that nobody remembers. Who was going through pages may go on with what is there now.
fn too_old_to_list(plan: &ListPlan) -> Status {
    let Some(start) = &plan.start else {
        return Status::expired("The resourceVersion for the provided list is too old.");
    };
    let mut status = Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
         results. Continuing with the provided token results in an inconsistent list - objects that were created, \
         modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    status.continue_token = ContinueToken {
        revision: None,
        start: start.clone(),
    }
    .encode();
    status
}

/// The page of a state that a plan asks for.
fn page(
    served: &Served,
    selection: &Selection,
    plan: &ListPlan,
    snapshot: &Snapshot,
) -> Result<Page, Status> {
    let start = plan.start.as_ref().map(|start| match selection.namespace() {
        Some(namespace) => format!("{namespace}/{start}"),
        None => start.clone(),
    });
    let mut page = Page {
        items: Vec::new(),
        revision: Some(version(snapshot.revision)?),
        continue_token: String::new(),
        remaining: None,
    };
    let mut candidates = snapshot.candidates(selection, start.as_deref());
    while let Some(object) = candidates.next() {
        let shown = served.show(object);
        if !selection.matches_candidate(&shown) {
            continue;
        }
        let is_full = plan.limit == Some(page.items.len() + 1);
        page.items.push(shown);
        // As upstream does it, a full page has a next one if anything follows, selected or not.
        if is_full {
            if snapshot.goes_on(selection, object.key()) {
                page.continue_token = next_page(selection, snapshot, &page.items);
                page.remaining = selection.is_whole().then(|| candidates.count() as u64);
            }
            break;
        }
    }
    Ok(page)
}

/// Asks for what follows the items of a page.
fn next_page(selection: &Selection, snapshot: &Snapshot, items: &[Arc<Object>]) -> String {
    let prefix_bytes = selection.namespace().map_or(0, |namespace| namespace.len() + 1);
    let last = items.last().map_or("", |last| &last.key()[prefix_bytes..]);
    let token = ContinueToken {
        revision: Some(snapshot.revision),
        start: format!("{last}\0"),
    };
    token.encode()
}
