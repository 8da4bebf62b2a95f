//! Looking after one API service: whether the server is there, what it says of itself, and what the status says of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use admission::Cluster;
use apiserver::aggregation::Backend;
use jiff::Timestamp;
use meta::{GroupVersionResource, Status, User};
use registry::RequestContext;
use serde_json::Value;

use crate::condition::{Verdict, judge};
use crate::documents::{Held, aggregator, get};
use crate::service::{ApiService, Other};

pub(crate) const API_SERVICES: GroupVersionResource =
    GroupVersionResource::new("apiregistration.k8s.io", "v1", "apiservices");
pub(crate) const SERVICES: GroupVersionResource = GroupVersionResource::new("", "v1", "services");
pub(crate) const SLICES: GroupVersionResource =
    GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// How often a server is asked before it counts as lost, and how long it may take.
const ATTEMPTS: usize = 3;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// After this time documents are asked for again.
const REFRESH_AFTER: Duration = Duration::from_secs(60);

/// What is to be looked after.
pub(crate) struct Visit {
    pub(crate) service: ApiService,
    pub(crate) backend: Option<Result<Arc<dyn Backend>, String>>,
    pub(crate) held: Held,
    /// When the documents were last asked for, all with success.
    pub(crate) fetched: Option<Instant>,
    pub(crate) cluster: Arc<dyn Cluster>,
}

/// What was found.
pub(crate) struct Found {
    pub(crate) name: String,
    /// Of whom it is true.
    pub(crate) other: Option<Other>,
    pub(crate) held: Held,
    pub(crate) fetched: Option<Instant>,
    /// When to look again.
    pub(crate) again: Again,
    /// Why the server is not available any more, if it was until now.
    pub(crate) lost: Option<&'static str>,
}

/// When a server is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// What was found is to be known to clients before more is done.
    AtOnce,
    /// Something failed.
    Soon,
    /// All is well, or waits for something to happen.
    Later,
}

impl Visit {
    pub(crate) async fn run(self) -> Found {
        let verdict = match &self.service.other {
            None => Some(Verdict::local()),
            Some(other) => self.verdict(other).await,
        };
        let is_there = verdict.as_ref().is_some_and(|verdict| verdict.status == "True");
        if is_there && let Some(held) = self.discovered().await {
            return self.found(held, None, Again::AtOnce, None);
        }
        let is_written = match &verdict {
            Some(verdict) => self.write(verdict).await,
            None => true,
        };
        let is_lost = is_written && self.service.is_available && !is_there;
        let lost = verdict.as_ref().filter(|_| is_lost).map(|verdict| verdict.reason);
        let is_unanswered = verdict.is_some_and(|verdict| verdict.reason == "FailedDiscoveryCheck");
        let (held, fetched) = self.documents(is_there).await;
        let lacks_documents = is_there && self.backend.is_some() && fetched.is_none();
        let again = match !is_written || is_unanswered || lacks_documents {
            true => Again::Soon,
            false => Again::Later,
        };
        self.found(held, fetched, again, lost)
    }

    fn found(self, held: Held, fetched: Option<Instant>, again: Again, lost: Option<&'static str>) -> Found {
        Found {
            name: self.service.name,
            other: self.service.other,
            held,
            fetched,
            again,
            lost,
        }
    }

    /// Clients that are told that a server is there look at once what it has: that is to be known before.
    async fn discovered(&self) -> Option<Held> {
        match &self.backend {
            Some(Ok(backend)) if !self.held.is_current() => {
                self.held.discover(&self.service, &**backend).await
            }
            Some(_) | None => None,
        }
    }

    /// Documents as new as they need to be.
    async fn documents(&self, is_there: bool) -> (Held, Option<Instant>) {
        let now = Instant::now();
        match &self.backend {
            Some(Ok(backend)) if is_there => {
                let is_new = |fetched: Instant| now.duration_since(fetched) < REFRESH_AFTER;
                if self.fetched.is_some_and(is_new) {
                    return (self.held.clone(), self.fetched);
                }
                let (held, is_complete) = self.held.fetch(&self.service, &**backend).await;
                (held, is_complete.then_some(now))
            }
            Some(_) => (self.held.stale(&self.service), None),
            None => (self.held.clone(), None),
        }
    }

    /// None if it cannot be found out what is wrong, but not whether the server is there.
    async fn verdict(&self, other: &Other) -> Option<Verdict> {
        let shown = format!("service/{} in {}", other.name, meta::quote(&other.namespace));
        let unknown = |reason, status: Status| {
            let message = format!("{shown} cannot be checked due to: {}", status.message);
            Some(Verdict::unknown(reason, message))
        };
        let service = match self.cluster.get(&SERVICES, &other.namespace, &other.name).await {
            Ok(service) => service.map(|service| service.tree()),
            Err(status) => return unknown("ServiceAccessError", status),
        };
        let slices = match self.cluster.list(&SLICES, Some(&other.namespace)).await {
            Ok(slices) => slices,
            Err(status) => return unknown("EndpointsAccessError", status),
        };
        let slices: Vec<Value> = slices
            .iter()
            .filter(|slice| {
                slice
                    .labels()
                    .any(|label| label == (SERVICE_NAME, other.name.as_str()))
            })
            .map(|slice| slice.tree())
            .collect();
        if let Some(missing) = judge(other, service.as_ref(), &slices) {
            return Some(missing);
        }
        let backend = match self.backend.as_ref()? {
            Ok(backend) => backend,
            // What is wrong is told to whoever asks for the API itself.
            Err(_) => return None,
        };
        let address = address(other, service.as_ref());
        Some(match answers(&self.service, &**backend, &address).await {
            Ok(()) => Verdict::passed(),
            Err(why) => Verdict::missing("FailedDiscoveryCheck", why),
        })
    }

    /// Says whether the status is as it should be.
    async fn write(&self, verdict: &Verdict) -> bool {
        let name = &self.service.name;
        let found = self.cluster.get(&API_SERVICES, "", name).await;
        let Ok(Some(found)) = found else {
            return true;
        };
        let now = Timestamp::now();
        let shown = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if !verdict.write(&mut found.tree(), &shown) {
            return true;
        }
        let server = User::new("system:apiserver", &["system:masters"]);
        let context = RequestContext::new(Arc::new(server), now);
        let amend = |object: &mut Value| {
            verdict.write(object, &shown);
            Ok(())
        };
        let amended = self
            .cluster
            .amend(&context, &API_SERVICES, "", name, &amend)
            .await;
        match amended {
            Err(status) if !status.is_not_found() => {
                tracing::warn!(error = status.message, service = name, "its status waits");
                false
            }
            Ok(()) | Err(_) => true,
        }
    }
}

/// Host and port as messages show them.
fn address(other: &Other, service: Option<&Value>) -> String {
    let spec = service.map(|service| &service["spec"]);
    let field = |field: &str| spec.and_then(|spec| spec[field].as_str()).unwrap_or_default();
    let host = match field("type") {
        "ExternalName" => field("externalName"),
        _ => field("clusterIP"),
    };
    match host.contains(':') {
        true => format!("[{host}]:{}", other.port),
        false => format!("{host}:{}", other.port),
    }
}

/// Asks for the document of the group version, which every server must have.
async fn answers(service: &ApiService, backend: &dyn Backend, address: &str) -> Result<(), String> {
    let url = format!("https://{address}{}", service.path());
    let mut problem = Ok(());
    for _ in 0..ATTEMPTS {
        let why = match get(backend, &service.path(), &aggregator(), &[], ANSWER_WITHIN).await {
            Ok(answer) if (200..300).contains(&answer.code) => return Ok(()),
            Ok(answer) => format!("bad status from {url}: {}", answer.code),
            Err(why) => format!("Get {}: {why}", meta::quote(&url)),
        };
        problem = Err(format!("failing or missing response from {url}: {why}"));
    }
    problem
}
