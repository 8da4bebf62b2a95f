//! Elections over a server in memory, in paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::service_fn;

use super::*;
use crate::transport::{self, Body, BoxError, TransportError};

/// A server that keeps one Lease.
#[derive(Clone)]
struct Fake {
    lease: watch::Sender<(u64, Value)>,
    /// Answers nothing any more.
    is_hung: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
}

impl Fake {
    fn new() -> Self {
        Self {
            lease: watch::Sender::new((1, Value::Null)),
            is_hung: Arc::default(),
            reads: Arc::default(),
        }
    }

    /// The same Lease by another way, which may hang by itself.
    fn other(&self) -> Self {
        Self {
            is_hung: Arc::default(),
            ..self.clone()
        }
    }

    fn client(&self) -> Client {
        let this = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move {
                if this.is_hung.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                Ok::<_, BoxError>(this.answer(request).await)
            }
        });
        Client::new(transport::boxed(service), "test")
    }

    fn holder(&self) -> String {
        let text = self.lease.borrow().1["spec"]["holderIdentity"].clone();
        text.as_str().unwrap_or_default().to_owned()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let method = request.method().clone();
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        if query.contains("watch=true") {
            return self.watched(&query);
        }
        let mut refused = None;
        self.lease.send_if_modified(|(version, lease)| {
            let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
            let is_current = sent["metadata"]["resourceVersion"] == lease["metadata"]["resourceVersion"];
            refused = match method {
                Method::POST if !lease.is_null() => Some((409, "AlreadyExists")),
                Method::PUT if !is_current => Some((409, "Conflict")),
                Method::POST | Method::PUT => {
                    *version += 1;
                    *lease = sent;
                    lease["metadata"]["resourceVersion"] = version.to_string().into();
                    return true;
                }
                _ => {
                    self.reads.fetch_add(1, Ordering::SeqCst);
                    lease.is_null().then_some((404, "NotFound"))
                }
            };
            false
        });
        let (code, body) = match refused {
            Some((code, reason)) => (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}),
            ),
            None => (200, self.lease.borrow().1.clone()),
        };
        let response = Response::builder().status(code);
        response
            .body(transport::full(body.to_string()))
            .expect("a response")
    }

    fn watched(&self, query: &str) -> Response<Body> {
        let mut changes = self.lease.subscribe();
        let is_known = query.contains(&format!("resourceVersion={}&", changes.borrow_and_update().0));
        if !is_known {
            changes.mark_changed();
        }
        let events = futures::stream::unfold(changes, |mut changes| async move {
            changes.changed().await.ok()?;
            let event = json!({"type": "MODIFIED", "object": changes.borrow_and_update().1});
            let frame = Frame::data(Bytes::from(format!("{event}\n")));
            Some((Ok::<_, TransportError>(frame), changes))
        });
        Response::new(StreamBody::new(events).boxed_unsync())
    }
}

/// A candidate that stands until `shutdown`, and how often it has come to lead.
fn stand(fake: &Fake, name: &str, shutdown: &CancellationToken) -> watch::Receiver<(usize, bool)> {
    let (leads, seen) = watch::channel((0, false));
    let (client, shutdown) = (fake.client(), shutdown.clone());
    let election = Election::new("x", name);
    tokio::spawn(election.run_always(client, shutdown, move |leading| {
        let leads = leads.clone();
        async move {
            leads.send_modify(|(times, works)| (*times, *works) = (*times + 1, true));
            leading.cancelled().await;
            leads.send_modify(|(_, works)| *works = false);
        }
    }));
    seen
}

async fn leads(seen: &mut watch::Receiver<(usize, bool)>) -> Duration {
    let began = Instant::now();
    seen.wait_for(|(_, works)| *works)
        .await
        .expect("the candidate stands");
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_up_is_taken_at_once() {
    let fake = Fake::new();
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let mut a = stand(&fake, "a", &first);
    leads(&mut a).await;
    let mut b = stand(&fake, "b", &second);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.holder(), "a");
    assert!(!b.borrow().1, "there is one leader");
    first.cancel();
    assert!(leads(&mut b).await < Duration::from_millis(500));
    assert_eq!(fake.holder(), "b");
    second.cancel();
    b.wait_for(|(_, works)| !works).await.expect("told");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_candidate_follows_the_lease_and_does_not_ask() {
    let fake = Fake::new();
    let shutdown = CancellationToken::new();
    leads(&mut stand(&fake, "a", &shutdown)).await;
    let other = Fake {
        reads: Arc::default(),
        ..fake.other()
    };
    let b = stand(&other, "b", &shutdown);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(b.borrow().0, 0);
    assert!(other.reads.load(Ordering::SeqCst) <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_begins() {
    let fake = Fake::new();
    let shutdown = CancellationToken::new();
    let mut a = stand(&fake, "a", &shutdown);
    leads(&mut a).await;
    let other = fake.other();
    let mut b = stand(&other, "b", &shutdown);
    sleep(Duration::from_secs(5)).await;
    fake.is_hung.store(true, Ordering::SeqCst);
    a.wait_for(|(_, works)| !works).await.expect("told");
    assert!(!b.borrow().1, "the second waits until the first has stopped");
    let took = leads(&mut b).await;
    assert!(took < Duration::from_secs(10), "{took:?}");

    // Healed, it stands again, and leads when its turn comes.
    fake.is_hung.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(30)).await;
    assert_eq!((a.borrow().0, b.borrow().1), (1, true));
    other.is_hung.store(true, Ordering::SeqCst);
    leads(&mut a).await;
    assert_eq!(a.borrow().0, 2);
}
