//! Keeps what is known of other servers in step with the API services there are, and looks whether the servers are there: at each
//! change of a Service or its endpoints, and when it is time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use admission::Cluster;
use admission::outward::ClientProof;
use apiserver::Aggregation;
use apiserver::aggregation::{Backend, OtherServer, Parts};
use meta::{GroupVersionResource, Status};
use registry::{ListOptions, Object, Registry, Resource, WatchEvent, WatchOptions, Watcher, WeakRegistry};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backend::ServiceBackend;
use crate::documents::Held;
use crate::service::ApiService;
use crate::visit::{API_SERVICES, Again, Found, SERVICE_NAME, SERVICES, SLICES, Visit};

/// A server that is well is looked at again after this time.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// One that does not answer is looked at sooner, at first after this time, each time after twice as long.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(250);
/// When a status changes, whoever changed it.
const LOOK_AT_ODDS_AFTER: Duration = Duration::from_secs(2);
/// After the store failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Who takes part in it.
pub struct Parties {
    /// Where Services and their endpoints are.
    pub cluster: Arc<dyn Cluster>,
    /// What this server shows to others.
    pub client: Option<ClientProof>,
    /// Where it is published what is known.
    pub aggregation: Aggregation,
}

/// Learns which API services there are, and from then on, until the token fires, follows them.
///
/// # Errors
/// If they cannot be read.
pub async fn follow(
    registry: &Registry,
    parties: Parties,
    shutdown: &CancellationToken,
) -> Result<(), Status> {
    let mut follower = Follower {
        registry: registry.downgrade(),
        parties,
        known: BTreeMap::new(),
        visits: JoinSet::new(),
        visited: HashMap::new(),
    };
    let watches = follower.catch_up(registry).await?;
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(follower.run(watches)));
    Ok(())
}

/// An API service and what has been found out about it.
struct Known {
    service: ApiService,
    backend: Option<Result<Arc<dyn Backend>, String>>,
    held: Held,
    fetched: Option<Instant>,
    /// When it is to be looked at; not while that is done.
    due: Option<Instant>,
    /// Something has changed since it is being looked at.
    is_outdated: bool,
    is_visited: bool,
    failures: u32,
}

struct Watches {
    api_services: Watcher,
    services: Watcher,
    slices: Watcher,
}

enum Happened {
    ApiService(Option<WatchEvent>),
    Service(Option<WatchEvent>),
    Slice(Option<WatchEvent>),
    Visited(Result<(Id, Found), JoinError>),
    Due,
}

struct Follower {
    registry: WeakRegistry,
    parties: Parties,
    known: BTreeMap<String, Known>,
    visits: JoinSet<Found>,
    /// Whom a visit is paid to.
    visited: HashMap<Id, String>,
}

impl Follower {
    /// Reads all there is, and gives the watches that go on from there.
    async fn catch_up(&mut self, registry: &Registry) -> Result<Watches, Status> {
        let api_services = resource(registry, &API_SERVICES)?;
        let page = api_services.list(None, &ListOptions::default()).await?;
        let there: BTreeSet<&str> = page.items.iter().map(|object| object.name()).collect();
        self.known.retain(|name, _| there.contains(name.as_str()));
        for object in &page.items {
            self.note(object);
        }
        let now = Instant::now();
        for known in self
            .known
            .values_mut()
            .filter(|known| known.service.other.is_some())
        {
            known.hurry(now);
        }
        self.publish();
        let revision = page.resource_version();
        Ok(Watches {
            api_services: watch(&api_services, &revision).await?,
            services: watch(&*resource(registry, &SERVICES)?, "").await?,
            slices: watch(&*resource(registry, &SLICES)?, "").await?,
        })
    }

    async fn run(mut self, mut watches: Watches) {
        loop {
            self.begin_visits();
            let is_followed = match self.next(&mut watches).await {
                Happened::ApiService(event) => self.on_api_service(event),
                Happened::Service(event) => self.on_other(event, |service| Some(service.name().to_owned())),
                Happened::Slice(event) => self.on_other(event, |slice| {
                    let mut labels = slice.labels();
                    let named = labels.find(|(label, _)| *label == SERVICE_NAME)?;
                    Some(named.1.to_owned())
                }),
                Happened::Visited(Ok((id, found))) => self.on_visited(id, found),
                Happened::Visited(Err(error)) => self.on_broken_visit(&error),
                Happened::Due => true,
            };
            if !is_followed {
                match self.catch_up_again().await {
                    Some(anew) => watches = anew,
                    None => return,
                }
            }
        }
    }

    async fn next(&mut self, watches: &mut Watches) -> Happened {
        let due = self.known.values().filter_map(|known| known.due).min();
        let until_due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = watches.api_services.next() => Happened::ApiService(event),
            event = watches.services.next() => Happened::Service(event),
            event = watches.slices.next() => Happened::Slice(event),
            Some(visit) = self.visits.join_next_with_id() => Happened::Visited(visit),
            () = until_due => Happened::Due,
        }
    }

    /// However long the store is away: until then what was known last is served.
    async fn catch_up_again(&mut self) -> Option<Watches> {
        loop {
            let registry = self.registry.upgrade().ok()?;
            match self.catch_up(&registry).await {
                Ok(watches) => return Some(watches),
                Err(status) => {
                    tracing::warn!(error = status.message, "API services are not followed at present");
                }
            }
            drop(registry);
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Says whether the watch goes on, as the other two do.
    fn on_api_service(&mut self, event: Option<WatchEvent>) -> bool {
        match event {
            Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => self.note(&object),
            Some(WatchEvent::Deleted(object)) => {
                self.known.remove(object.name());
            }
            Some(WatchEvent::Bookmark { .. }) => return true,
            Some(WatchEvent::Error(_)) | None => return false,
        }
        self.publish();
        true
    }

    fn on_other(&mut self, event: Option<WatchEvent>, service: impl Fn(&Object) -> Option<String>) -> bool {
        let object = match event {
            Some(WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object)) => {
                object
            }
            Some(WatchEvent::Bookmark { .. }) => return true,
            Some(WatchEvent::Error(_)) | None => return false,
        };
        if let Some(name) = service(&object) {
            let now = Instant::now();
            let is_about = |known: &&mut Known| {
                let other = known.service.other.as_ref();
                other.is_some_and(|other| other.name == name && other.namespace == object.namespace())
            };
            for known in self.known.values_mut().filter(is_about) {
                known.hurry(now);
            }
        }
        true
    }

    fn on_visited(&mut self, id: Id, found: Found) -> bool {
        self.visited.remove(&id);
        if let Some(reason) = found.lost {
            self.parties.aggregation.count_lost(&found.name, reason);
        }
        // It may have gone meanwhile.
        if self
            .known
            .get_mut(&found.name)
            .is_some_and(|known| known.take(found))
        {
            self.publish();
        }
        true
    }

    /// A visit that broke down is paid again.
    fn on_broken_visit(&mut self, error: &JoinError) -> bool {
        tracing::error!(%error, "looking after an API service broke down");
        let name = self.visited.remove(&error.id());
        if let Some(known) = name.and_then(|name| self.known.get_mut(&name)) {
            known.try_again();
        }
        true
    }

    /// Takes in an API service as it is now.
    fn note(&mut self, object: &Object) {
        let service = ApiService::read(&object.tree());
        let now = Instant::now();
        // What this server serves itself needs no looking after once its status says so.
        let needs_care = service.other.is_some() || !service.is_available;
        let known = self.known.get_mut(&service.name);
        let is_visited = known.as_ref().is_some_and(|known| known.is_visited);
        if let Some(known) = known.filter(|known| known.service.other == service.other) {
            // Somebody else may have said so; another server that sees it otherwise must not be answered at once for ever.
            if needs_care && known.service.is_available != service.is_available {
                known.look_before(now + LOOK_AT_ODDS_AFTER);
            }
            known.service = service;
            return;
        }
        let backend = service.other.as_ref().map(|other| {
            let made = ServiceBackend::new(other, self.parties.client.clone(), &self.parties.cluster);
            made.map(|backend| Arc::new(backend) as Arc<dyn Backend>)
        });
        let name = service.name.clone();
        let known = Known {
            backend,
            held: Held::nothing(&service),
            fetched: None,
            due: (needs_care && !is_visited).then_some(now),
            is_outdated: is_visited,
            is_visited,
            failures: 0,
            service,
        };
        self.known.insert(name, known);
    }

    fn begin_visits(&mut self) {
        let now = Instant::now();
        for known in self.known.values_mut() {
            if known.is_visited || known.due.is_none_or(|due| due > now) {
                continue;
            }
            known.due = None;
            known.is_visited = true;
            known.is_outdated = false;
            let visit = Visit {
                service: known.service.clone(),
                backend: known.backend.clone(),
                held: known.held.clone(),
                fetched: known.fetched,
                cluster: Arc::clone(&self.parties.cluster),
            };
            let visit = self.visits.spawn(visit.run());
            self.visited.insert(visit.id(), known.service.name.clone());
        }
    }

    fn publish(&self) {
        let all = self.known.values().map(|known| {
            let mut part = known.service.part();
            part.other = known.backend.as_ref().map(|backend| OtherServer {
                is_available: known.service.is_available,
                backend: backend.clone(),
                documents: Arc::clone(&known.held.documents),
            });
            part
        });
        self.parties.aggregation.publish(Parts::new(all.collect()));
    }
}

impl Known {
    /// It is to be looked at now.
    fn hurry(&mut self, now: Instant) {
        if self.is_visited {
            self.is_outdated = true;
        } else {
            self.due = Some(now);
        }
    }

    /// It is to be looked at by then.
    fn look_before(&mut self, then: Instant) {
        if !self.is_visited {
            self.due = Some(self.due.map_or(then, |due| due.min(then)));
        }
    }

    /// Nothing was found out.
    fn try_again(&mut self) {
        self.is_visited = false;
        self.failures += 1;
        self.due = Some(Instant::now() + pause(self.failures));
    }

    /// Takes in what was found, unless it is about another server. Says whether there is news for clients.
    fn take(&mut self, found: Found) -> bool {
        self.is_visited = false;
        let now = Instant::now();
        if self.is_outdated {
            self.due = Some(now);
        }
        if self.service.other != found.other {
            return false;
        }
        let is_news = self.held.documents != found.held.documents;
        if is_news {
            self.held = found.held;
        }
        self.fetched = found.fetched;
        match found.again {
            Again::AtOnce => self.due = Some(now),
            Again::Soon => self.failures += 1,
            Again::Later => self.failures = 0,
        }
        if self.due.is_none() && self.service.other.is_some() {
            self.due = Some(now + pause(self.failures));
        }
        is_news
    }
}

/// How long to wait before looking again.
fn pause(failures: u32) -> Duration {
    match failures {
        0 => LOOK_AGAIN_AFTER,
        more => (FIRST_RETRY_AFTER * 2_u32.saturating_pow(more.min(16) - 1)).min(LOOK_AGAIN_AFTER),
    }
}

async fn watch(resource: &Resource, resource_version: &str) -> Result<Watcher, Status> {
    let options = WatchOptions {
        resource_version: resource_version.to_owned(),
        ..WatchOptions::default()
    };
    resource.watch(None, &options).await
}

fn resource(registry: &Registry, name: &GroupVersionResource) -> Result<Arc<Resource>, Status> {
    let resource = registry.resource(name);
    resource.ok_or_else(|| Status::internal(format_args!("{} are not served", name.resource)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_do_not_answer_are_asked_ever_more_seldom() {
        let pauses: Vec<u128> = [0, 1, 2, 3, 8, 9, 100]
            .map(|failures| pause(failures).as_millis())
            .into();
        assert_eq!(pauses, [30_000, 250, 500, 1_000, 30_000, 30_000, 30_000]);
    }
}
