//! Objects from a server in memory: what is watched, for how long, and what is asked for otherwise.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::Client;
use client::transport::{self, Body, TransportError};
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server with a ConfigMap `m` in `ns`.
#[derive(Default)]
struct Server {
    asked: Mutex<Vec<String>>,
    /// The watch of the ConfigMap, while there is one.
    watch: Mutex<Option<mpsc::UnboundedSender<String>>>,
    started: tokio::sync::Notify,
}

fn map(value: &str, version: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "k": value },
        "metadata": { "name": "m", "namespace": "ns", "resourceVersion": version } })
}

fn list(items: &[Value]) -> Value {
    json!({ "metadata": { "resourceVersion": "10" }, "items": items })
}

impl Server {
    fn client(self: &Arc<Self>) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(&request)) }
        });
        Client::new(transport::boxed(service), "kubelet")
    }

    fn answer(&self, request: &Request<Body>) -> Response<Body> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        self.asked
            .lock()
            .push(format!("{} {path}?{query}", request.method()));
        let is_watch = query.contains("watch=true");
        let found = match path {
            "/api/v1/namespaces/ns/configmaps" if is_watch => return Response::new(self.watch()),
            _ if is_watch => return Response::new(never()),
            "/api/v1/namespaces/ns/configmaps" => list(&[map("before", "5")]),
            "/api/v1/namespaces/ns/configmaps/m" => map("asked", "5"),
            "/api/v1/services" => list(&[json!({ "metadata": { "name": "web", "namespace": "ns" } })]),
            "/api/v1/namespaces/ns/serviceaccounts/sa/token" if request.method() == Method::POST => {
                json!({ "metadata": {}, "spec": { "audiences": [] }, "status": { "token": "t" } })
            }
            path if path.ends_with("s") => list(&[]),
            _ => {
                let status = json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
                    "message": "there is none" });
                let mut answer = Response::new(transport::full(status.to_string()));
                *answer.status_mut() = http::StatusCode::NOT_FOUND;
                return answer;
            }
        };
        Response::new(transport::full(found.to_string()))
    }

    fn watch(&self) -> Body {
        let (sender, receiver) = mpsc::unbounded_channel::<String>();
        *self.watch.lock() = Some(sender);
        self.started.notify_one();
        let frames = futures::stream::unfold(receiver, async |mut receiver| {
            let line = receiver.recv().await?;
            Some((
                Ok::<_, TransportError>(Frame::data(Bytes::from(line + "\n"))),
                receiver,
            ))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    async fn watched(&self) -> mpsc::UnboundedSender<String> {
        timeout(PATIENCE, self.started.notified()).await.unwrap();
        self.watch.lock().clone().unwrap()
    }

    fn asked_for(&self, what: &str) -> usize {
        self.asked
            .lock()
            .iter()
            .filter(|asked| asked.contains(what))
            .count()
    }
}

fn never() -> Body {
    let frames = futures::stream::pending::<Result<Frame<Bytes>, TransportError>>();
    StreamBody::new(frames.boxed()).boxed_unsync()
}

fn pod(uid: &str) -> PodToRun {
    let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": uid }, "spec": { "containers": [],
        "volumes": [{ "name": "v", "configMap": { "name": "m" } }, { "name": "s", "secret": { "secretName": "s" } }] } });
    PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()))
}

fn value(map: &ConfigMap) -> &str {
    map.data.as_ref().unwrap()["k"].as_str()
}

#[tokio::test]
async fn what_pods_name_is_followed_as_long_as_they_are() {
    let server = Arc::new(Server::default());
    let objects = ApiObjects::start(server.client(), CancellationToken::new());
    let mut changes = objects.changes();
    objects.follow(&pod("1"));
    objects.follow(&pod("2"));
    let watch = server.watched().await;
    assert_eq!(value(&objects.config_map("ns", "m").await.unwrap()), "before");
    let missing = objects.secret("ns", "s").await.unwrap_err();
    assert_eq!(missing.to_string(), "secret \"s\" not found");
    let first = timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
    assert_eq!((first.kind, first.name.as_str()), (ObjectKind::ConfigMap, "m"));

    let event = json!({ "type": "MODIFIED", "object": map("after", "11") });
    watch.send(event.to_string()).unwrap();
    timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
    assert_eq!(value(&objects.config_map("ns", "m").await.unwrap()), "after");

    objects.forget("1");
    assert!(!watch.is_closed());
    objects.forget("2");
    timeout(PATIENCE, watch.closed()).await.unwrap();
    // One list and one watch for both pods, of just that object.
    assert_eq!(server.asked_for("/configmaps?"), 2);
    assert_eq!(server.asked_for("/configmaps?fieldSelector=metadata.name%3Dm"), 1);
    assert_eq!(value(&objects.config_map("ns", "m").await.unwrap()), "asked");
}

#[tokio::test]
async fn others_are_asked_for() {
    let server = Arc::new(Server::default());
    let objects = ApiObjects::start(server.client(), CancellationToken::new());
    let services = objects.services("ns").await.unwrap();
    assert_eq!(services[0].metadata.name.as_deref(), Some("web"));
    assert!(objects.services("other").await.unwrap().is_empty());
    let missing = objects.config_map("ns", "none").await.unwrap_err();
    assert_eq!(missing, ObjectError::not_found("configmap", "none"));
    let answer = objects.token("ns", "sa", &TokenRequest::default()).await.unwrap();
    assert_eq!(
        answer.status.and_then(|status| status.token).as_deref(),
        Some("t")
    );
    assert!(objects.claim("ns", "c").await.unwrap_err().is_not_found());
    assert!(objects.persistent_volume("v").await.unwrap_err().is_not_found());
}
