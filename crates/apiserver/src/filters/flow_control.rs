//! Keeps a flood of requests from drowning the server: so many at a time, a bounded queue behind them, and 429 for the rest.
//! The server's masters are never held up.

use std::sync::Arc;
use std::time::Duration;

use auth::Attributes;
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use meta::identity::GROUP_MASTERS;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::call::{Call, Response};
use crate::filters::authorization::{Selection, attributes};
use crate::handler::{Filter, Handler};
use crate::metrics::{Gauge, Metrics};
use crate::respond::plain_text;

const FLOW_SCHEMA: HeaderName = HeaderName::from_static("x-kubernetes-pf-flowschema-uid");
const PRIORITY_LEVEL: HeaderName = HeaderName::from_static("x-kubernetes-pf-prioritylevel-uid");

/// Paths anyone may ask for at any time, so that a busy server is not taken for a dead one.
const PROBES: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// How many requests are worked on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowControlLimits {
    /// Requests that only read.
    pub read_only: usize,
    /// Requests that change something.
    pub mutating: usize,
    /// Requests that may wait for each of the two.
    pub queued: usize,
    /// How long they wait.
    pub max_wait: Duration,
}

impl Default for FlowControlLimits {
    fn default() -> Self {
        Self {
            read_only: 400,
            mutating: 200,
            queued: 2_000,
            max_wait: Duration::from_secs(15),
        }
    }
}

/// Names the flow schema and priority level a request falls under, for the headers of its answer.
pub trait FlowSchemas: Send + Sync {
    /// UIDs of flow schema and priority level of a request; none if the objects are not known (yet).
    fn classify(&self, request: &Attributes<'_>) -> Option<(HeaderValue, HeaderValue)>;
}

/// Holds requests back.
#[derive(Clone)]
pub struct FlowControl {
    lanes: Arc<[Lane; 2]>,
    max_wait: Duration,
    schemas: Option<Arc<dyn FlowSchemas>>,
    metrics: Arc<Metrics>,
}

/// Requests of one sort.
struct Lane {
    seats: Arc<Semaphore>,
    /// Places in the queue.
    queue: Semaphore,
    inflight: Arc<Gauge>,
}

impl Lane {
    fn new(seats: usize, queued: usize, inflight: Arc<Gauge>) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats)),
            queue: Semaphore::new(queued),
            inflight,
        }
    }

    /// A seat at once, or after waiting; none if the queue is full or the wait too long.
    async fn seat(&self, max_wait: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() {
            return Some(seat);
        }
        let _place = self.queue.try_acquire().ok()?;
        let waited = tokio::time::timeout(max_wait, Arc::clone(&self.seats).acquire_owned()).await;
        waited.ok()?.ok()
    }
}

impl FlowControl {
    /// A filter with these limits.
    pub fn new(
        limits: FlowControlLimits,
        schemas: Option<Arc<dyn FlowSchemas>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let lanes = [
            Lane::new(limits.read_only, limits.queued, metrics.inflight("readOnly")),
            Lane::new(limits.mutating, limits.queued, metrics.inflight("mutating")),
        ];
        Self {
            lanes: Arc::new(lanes),
            max_wait: limits.max_wait,
            schemas,
            metrics,
        }
    }

    async fn admit(&self, call: &mut Call, exempt: bool, next: &impl Handler) -> Response {
        let lane = &self.lanes[usize::from(!call.info.is_read_only())];
        let lasting = call.info.is_long_running();
        if exempt || (lasting && call.info.verb() != "watch") {
            let _counted = (!lasting).then(|| lane.inflight.enter());
            return next.handle(call).await;
        }
        let Some(_seat) = lane.seat(self.max_wait).await else {
            self.metrics
                .terminated(call.metric_labels(), StatusCode::TOO_MANY_REQUESTS.as_u16());
            return too_many_requests();
        };
        let _counted = lane.inflight.enter();
        next.handle(call).await
    }
}

impl Filter for FlowControl {
    const NAME: &'static str = "flow_control";

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        let exempt = call.user.in_group(GROUP_MASTERS) || PROBES.contains(&call.info.path());
        let uids = self.schemas.as_ref().and_then(|schemas| {
            // Selectors do not count here.
            let selection = Selection::default();
            schemas.classify(&attributes(call, &selection))
        });
        let mut response = self.admit(call, exempt, next).await;
        let is_taken = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if let (false, Some((schema, level))) = (is_taken, uids) {
            let headers = response.headers_mut();
            headers.insert(FLOW_SCHEMA, schema);
            headers.insert(PRIORITY_LEVEL, level);
        }
        response
    }
}

fn too_many_requests() -> Response {
    let text = "Too many requests, please try again later.\n";
    let mut response = plain_text(StatusCode::TOO_MANY_REQUESTS, text);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
