//! What others may ask over HTTP: whether the proxy does its work, and whether this node has endpoints of a Service.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::lean::ServiceKey;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::plan::HealthCheck;

/// Rules that have waited longer than this to get in are a fault.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections a listener serves at once.
const MAX_CONNECTIONS: usize = 64;
/// A client has so long to send its request.
const REQUEST_TIME_LIMIT: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

/// Whether the proxy does its work.
#[derive(Default)]
pub(crate) struct Health {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the rules were last known to be right.
    updated: Option<Timestamp>,
    /// Since when some wait to get in.
    pending_since: Option<Instant>,
}

impl Health {
    /// Something changed that is not in the rules yet.
    pub(crate) fn pending(&self) {
        self.state.lock().pending_since.get_or_insert_with(Instant::now);
    }

    /// The rules are right.
    pub(crate) fn updated(&self) {
        *self.state.lock() = State {
            updated: Some(Timestamp::now()),
            pending_since: None,
        };
    }

    /// Whether nothing has waited too long.
    pub(crate) fn is_healthy(&self) -> bool {
        let pending_since = self.state.lock().pending_since;
        pending_since.is_none_or(|since| since.elapsed() < PATIENCE)
    }

    fn answer(&self, path: &str) -> Answer {
        if !matches!(path, "/healthz" | "/livez") {
            return json_answer(StatusCode::NOT_FOUND, &json!({}));
        }
        let is_healthy = self.is_healthy();
        let now = Timestamp::now();
        let updated = self.state.lock().updated;
        let last_updated = if is_healthy { Some(now) } else { updated };
        let mut body = json!({
            "lastUpdated": last_updated.map(|time| time.to_string()),
            "currentTime": now.to_string(),
        });
        if path == "/healthz" {
            body["nodeEligible"] = json!(true);
        }
        json_answer(status(is_healthy), &body)
    }
}

fn status(is_good: bool) -> StatusCode {
    if is_good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        header::HeaderValue::from_static("nosniff"),
    );
    answer
}

/// Answers at `/healthz` and `/livez` until the token fires.
pub(crate) fn serve_healthz(listener: TcpListener, health: Arc<Health>, shutdown: CancellationToken) {
    tokio::spawn(serve(listener, shutdown, move |path| health.answer(path)));
}

/// The listeners of `healthCheckNodePort`s.
pub(crate) struct HealthChecks {
    health: Arc<Health>,
    is_ipv4: bool,
    open: BTreeMap<u16, Open>,
}

struct Open {
    about: Arc<Mutex<(ServiceKey, usize)>>,
    _ends: DropGuard,
}

impl HealthChecks {
    pub(crate) fn new(health: Arc<Health>, is_ipv4: bool) -> Self {
        Self {
            health,
            is_ipv4,
            open: BTreeMap::new(),
        }
    }

    /// Opens and closes ports so that just these are answered. A port that is taken is tried again with the next change.
    pub(crate) async fn update(&mut self, wanted: impl Iterator<Item = (&ServiceKey, HealthCheck)>) {
        let wanted: BTreeMap<u16, (ServiceKey, usize)> = wanted
            .map(|(key, check)| (check.port, (key.clone(), check.local_endpoints)))
            .collect();
        self.open.retain(|port, _| wanted.contains_key(port));
        for (port, about) in wanted {
            if let Some(open) = self.open.get(&port) {
                *open.about.lock() = about;
                continue;
            }
            match self.listen(port).await {
                Ok(listener) => {
                    let open = self.start(listener, about);
                    self.open.insert(port, open);
                }
                Err(error) => {
                    tracing::warn!(port, service = %about.0, %error, "cannot listen for health checks");
                }
            }
        }
    }

    async fn listen(&self, port: u16) -> std::io::Result<TcpListener> {
        let address = if self.is_ipv4 {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))
        };
        TcpListener::bind(address).await
    }

    fn start(&self, listener: TcpListener, about: (ServiceKey, usize)) -> Open {
        let about = Arc::new(Mutex::new(about));
        let shutdown = CancellationToken::new();
        let (asked, health) = (about.clone(), self.health.clone());
        tokio::spawn(serve(listener, shutdown.clone(), move |_| {
            let (key, local_endpoints) = asked.lock().clone();
            service_answer(&key, local_endpoints, health.is_healthy())
        }));
        Open {
            about,
            _ends: shutdown.drop_guard(),
        }
    }
}

fn service_answer(key: &ServiceKey, local_endpoints: usize, is_healthy: bool) -> Answer {
    let body = json!({
        "service": {"namespace": key.namespace, "name": key.name},
        "localEndpoints": local_endpoints,
        "serviceProxyHealthy": is_healthy,
    });
    let mut answer = json_answer(status(local_endpoints > 0 && is_healthy), &body);
    answer.headers_mut().insert(
        "x-load-balancing-endpoint-weight",
        header::HeaderValue::from(local_endpoints),
    );
    answer
}

async fn serve(
    listener: TcpListener,
    shutdown: CancellationToken,
    answer: impl Fn(&str) -> Answer + Clone + Send + 'static,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            continue;
        };
        let (answer, shutdown) = (answer.clone(), shutdown.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(request.uri().path());
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIME_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = connection => {}
            }
            drop(slot);
        });
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn body(answer: Answer) -> serde_json::Value {
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn key() -> ServiceKey {
        ServiceKey {
            namespace: "a".into(),
            name: "b".into(),
        }
    }

    #[tokio::test]
    async fn load_balancers_are_told_whether_there_are_endpoints_here() {
        let answer = service_answer(&key(), 2, true);
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["x-load-balancing-endpoint-weight"], "2");
        assert_eq!(
            body(answer).await,
            json!({
                "service": {"namespace": "a", "name": "b"},
                "localEndpoints": 2,
                "serviceProxyHealthy": true,
            })
        );
        assert_eq!(
            service_answer(&key(), 0, true).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            service_answer(&key(), 1, false).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }

    #[tokio::test(start_paused = true)]
    async fn rules_that_do_not_get_in_are_unhealthy_after_a_while() {
        let health = Health::default();
        health.updated();
        health.pending();
        assert_eq!(health.answer("/healthz").status(), StatusCode::OK);
        tokio::time::advance(PATIENCE).await;
        health.pending();
        assert_eq!(
            health.answer("/healthz").status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        health.updated();
        assert_eq!(health.answer("/livez").status(), StatusCode::OK);
        assert_eq!(health.answer("/else").status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn ports_open_and_close_with_their_services() {
        // A free port, found by having it for a moment.
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut checks = HealthChecks::new(Arc::default(), true);
        let check = HealthCheck {
            port,
            local_endpoints: 1,
        };
        checks.update([(&key(), check)].into_iter()).await;
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        checks.update(std::iter::empty()).await;
        let closed = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), closed)
            .await
            .unwrap();
    }
}
