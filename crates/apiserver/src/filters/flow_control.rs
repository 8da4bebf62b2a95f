//! Keeps a flood of requests from drowning the server: each needs a seat at its priority level, waits for one, or is answered 429.
//! As long as no flow schemas are known, there is room for so many at a time, a bounded queue behind them, and the server's
//! masters are never held up.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
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

/// Knows which flow requests belong to.
pub trait FlowSchemas: Send + Sync {
    /// The flow of a request; none if nothing is known of any (yet).
    fn classify(&self, request: &Attributes<'_>) -> Option<Classified>;
}

/// Where a request belongs.
pub struct Classified {
    /// What leads it to its priority level.
    pub flow: Arc<dyn Flow>,
    /// Tells its flow from others of the same schema.
    pub key: u64,
}

/// What leads requests of a flow schema to their priority level, and to its seats.
#[async_trait]
pub trait Flow: Send + Sync {
    /// UID of the flow schema, for the headers of answers.
    fn schema_uid(&self) -> &HeaderValue;

    /// UID of the priority level, for the headers of answers.
    fn level_uid(&self) -> &HeaderValue;

    /// Takes a seat, if there is one at once.
    fn take(&self) -> bool;

    /// Waits for a seat, with others of the flow.
    ///
    /// # Errors
    /// If there is no place to wait, or it takes too long.
    async fn wait(&self, key: u64, at_most: Duration) -> Result<(), TurnedAway>;

    /// Gives a seat back.
    fn give_back(&self);
}

/// There is no seat for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// When it should come again.
    pub retry_after_seconds: u64,
}

/// Holds requests back.
#[derive(Clone)]
pub struct FlowControl {
    /// Readers and writers that are being worked on.
    inflight: [Arc<Gauge>; 2],
    /// For requests that belong to no flow.
    lanes: Arc<[Lane; 2]>,
    max_wait: Duration,
    schemas: Option<Arc<dyn FlowSchemas>>,
    metrics: Arc<Metrics>,
}

/// What a request has while it is worked on; given back when it is dropped.
enum Held {
    Nothing,
    Seat(Arc<dyn Flow>),
    Permit { _permit: OwnedSemaphorePermit },
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Self::Seat(flow) = self {
            flow.give_back();
        }
    }
}

/// Requests of one sort.
struct Lane {
    seats: Arc<Semaphore>,
    /// Places in the queue.
    queue: Semaphore,
}

impl Lane {
    fn new(seats: usize, queued: usize) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats)),
            queue: Semaphore::new(queued),
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
            Lane::new(limits.read_only, limits.queued),
            Lane::new(limits.mutating, limits.queued),
        ];
        Self {
            inflight: ["readOnly", "mutating"].map(|kind| metrics.inflight(kind)),
            lanes: Arc::new(lanes),
            max_wait: limits.max_wait,
            schemas,
            metrics,
        }
    }

    /// The flow of a request.
    fn classify(&self, call: &Call) -> Option<Classified> {
        // Selectors do not count here.
        let selection = Selection::default();
        self.schemas.as_ref()?.classify(&attributes(call, &selection))
    }

    /// A seat at the level of a flow.
    async fn seat(&self, classified: Classified) -> Result<Held, TurnedAway> {
        let Classified { flow, key } = classified;
        if !flow.take() {
            flow.wait(key, self.max_wait).await?;
        }
        Ok(Held::Seat(flow))
    }

    /// A place among all requests that belong to no flow.
    async fn place(&self, call: &Call) -> Result<Held, TurnedAway> {
        if call.user.in_group(GROUP_MASTERS) || PROBES.contains(&call.info.path()) {
            return Ok(Held::Nothing);
        }
        let lane = &self.lanes[usize::from(!call.info.is_read_only())];
        match lane.seat(self.max_wait).await {
            Some(permit) => Ok(Held::Permit { _permit: permit }),
            None => Err(TurnedAway {
                retry_after_seconds: 1,
            }),
        }
    }
}

impl Filter for FlowControl {
    const NAME: &'static str = "flow_control";

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        // What lasts is not held up, and belongs to no flow.
        let is_free = call.info.is_long_running() && call.info.verb() != "watch";
        let classified = if is_free { None } else { self.classify(call) };
        let uids = classified
            .as_ref()
            .map(|classified| &classified.flow)
            .map(|flow| (flow.schema_uid().clone(), flow.level_uid().clone()));
        let held = match classified {
            _ if is_free => Ok(Held::Nothing),
            Some(classified) => self.seat(classified).await,
            None => self.place(call).await,
        };
        let mut response = match held {
            Ok(_held) => {
                let inflight = &self.inflight[usize::from(!call.info.is_read_only())];
                let _counted = (!is_free).then(|| inflight.enter());
                next.handle(call).await
            }
            Err(away) => {
                let code = StatusCode::TOO_MANY_REQUESTS.as_u16();
                self.metrics.terminated(call.metric_labels(), code);
                too_many_requests(away)
            }
        };
        let is_taken = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if let (false, Some((schema, level))) = (is_taken, uids) {
            let headers = response.headers_mut();
            headers.insert(FLOW_SCHEMA, schema);
            headers.insert(PRIORITY_LEVEL, level);
        }
        response
    }
}

fn too_many_requests(away: TurnedAway) -> Response {
    let text = "Too many requests, please try again later.\n";
    let mut response = plain_text(StatusCode::TOO_MANY_REQUESTS, text);
    response
        .headers_mut()
        .insert(RETRY_AFTER, away.retry_after_seconds.into());
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::body::Body;
    use crate::testing::routed_call;

    /// A flow with so many seats and no place to wait.
    struct Fake(AtomicU32);

    #[async_trait]
    impl Flow for Fake {
        fn schema_uid(&self) -> &HeaderValue {
            static UID: HeaderValue = HeaderValue::from_static("schema");
            &UID
        }

        fn level_uid(&self) -> &HeaderValue {
            static UID: HeaderValue = HeaderValue::from_static("level");
            &UID
        }

        fn take(&self) -> bool {
            let one_less = |free: u32| free.checked_sub(1);
            self.0
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok()
        }

        async fn wait(&self, key: u64, _: Duration) -> Result<(), TurnedAway> {
            Err(TurnedAway {
                retry_after_seconds: key,
            })
        }

        fn give_back(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Schemas(Arc<Fake>);

    impl FlowSchemas for Schemas {
        fn classify(&self, _: &Attributes<'_>) -> Option<Classified> {
            Some(Classified {
                flow: self.0.clone(),
                key: 4,
            })
        }
    }

    /// Answers with how many seats are left.
    struct Left(Arc<Fake>);

    impl Handler for Left {
        async fn handle(&self, _: &mut Call) -> Response {
            Response::new(Body::full(self.0.0.load(Ordering::SeqCst).to_string()))
        }
    }

    async fn check(seats: u32, target: &str, expected: (u16, &str, Option<&str>, bool)) {
        let fake = Arc::new(Fake(AtomicU32::new(seats)));
        let schemas: Arc<dyn FlowSchemas> = Arc::new(Schemas(fake.clone()));
        let control = FlowControl::new(FlowControlLimits::default(), Some(schemas), Arc::default());
        let response = control
            .filter(&mut routed_call("GET", target), &Left(fake.clone()))
            .await;
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let text = crate::testing::text_of(response).await;
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let is_told = headers.contains_key(FLOW_SCHEMA) && headers.contains_key(PRIORITY_LEVEL);
        assert_eq!((code, text.as_str(), retry_after, is_told), expected, "{target}");
        assert_eq!(fake.0.load(Ordering::SeqCst), seats, "given back");
    }

    #[tokio::test]
    async fn requests_take_a_seat_or_are_turned_away() {
        let away = "Too many requests, please try again later.\n";
        check(2, "/api/v1/pods", (200, "1", None, true)).await;
        check(0, "/api/v1/pods", (429, away, Some("4"), true)).await;
        check(0, "/api/v1/pods?watch=true", (429, away, Some("4"), true)).await;
        // What lasts is not held up.
        check(0, "/api/v1/namespaces/a/pods/b/log", (200, "0", None, false)).await;
    }
}
