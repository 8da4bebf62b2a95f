//! An API server of a few lines, for the tests of components: it lists, watches, creates, replaces and deletes what tests
//! put into it.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::Client;
use crate::transport::{Body, Transport, TransportError, boxed};

/// An API server of a few lines. It knows kinds by their plural names only, and no selectors.
pub struct FakeApi {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// By plural name, namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    /// Everything that happened: the version it brought, the plural name, the namespace and the event.
    events: Vec<(u64, String, String, Value)>,
}

/// What a request is about: `/…/v1[/namespaces/{namespace}]/{plural}[/{name}]`.
struct Target {
    plural: String,
    namespace: String,
    name: String,
}

impl Target {
    fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').skip_while(|part| *part != "v1").skip(1).collect();
        let (namespace, rest) = match parts.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        Self {
            plural: rest.first().copied().unwrap_or("").to_owned(),
            namespace: namespace.to_owned(),
            name: rest.get(1).copied().unwrap_or("").to_owned(),
        }
    }

    fn covers(&self, plural: &str, namespace: &str) -> bool {
        self.plural == plural && (self.namespace.is_empty() || self.namespace == namespace)
    }
}

impl FakeApi {
    /// One without objects.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            version: watch::Sender::new(1),
        })
    }

    /// A client of it.
    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(self.transport(), "test/1")
    }

    /// The way to it.
    pub fn transport(self: &Arc<Self>) -> Transport {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        boxed(service)
    }

    /// Puts an object in, or another in its place.
    pub fn set(&self, plural: &str, mut object: Value) {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let namespace = text(&object["metadata"]["namespace"]);
        let key = (
            plural.to_owned(),
            namespace.clone(),
            text(&object["metadata"]["name"]),
        );
        let mut state = self.state.lock();
        let version = *self.version.borrow() + 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let old = state.objects.insert(key, object.clone());
        let kind = if old.is_some() { "MODIFIED" } else { "ADDED" };
        let event = json!({"type": kind, "object": object});
        state.events.push((version, plural.to_owned(), namespace, event));
        self.version.send_replace(version);
    }

    /// Takes an object out; whether it was there.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) -> bool {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut state = self.state.lock();
        let version = *self.version.borrow() + 1;
        let Some(mut object) = state.objects.remove(&key) else {
            return false;
        };
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let event = json!({"type": "DELETED", "object": object});
        state.events.push((version, key.0, key.1, event));
        self.version.send_replace(version);
        true
    }

    /// The objects of a kind in a namespace.
    pub fn held(&self, plural: &str, namespace: &str) -> Vec<Value> {
        let target = Target {
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let state = self.state.lock();
        let matching = state
            .objects
            .iter()
            .filter(|(key, _)| target.covers(&key.0, &key.1));
        matching.map(|(_, object)| object.clone()).collect()
    }

    /// Waits until a look at this finds what it looks for.
    pub async fn until<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        let mut changes = self.version.subscribe();
        let found = async {
            loop {
                if let Some(found) = look(self) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, found).await.expect("it comes")
    }

    async fn answer(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let target = Target::of(request.uri().path());
        let query = request.uri().query().unwrap_or("").to_owned();
        let method = request.method().clone();
        let bytes = request.into_body().collect().await.unwrap().to_bytes();
        match method {
            Method::GET if query.contains("watch=") => self.watch(target, &query),
            Method::GET => {
                let version = self.version.borrow().to_string();
                let items = self.held(&target.plural, &target.namespace);
                whole(
                    StatusCode::OK,
                    &json!({"metadata": {"resourceVersion": version}, "items": items}),
                )
            }
            Method::DELETE if self.remove(&target.plural, &target.namespace, &target.name) => {
                whole(StatusCode::OK, &json!({"kind": "Status", "status": "Success"}))
            }
            Method::DELETE => failure(StatusCode::NOT_FOUND, "NotFound"),
            _ => {
                let object: Value = serde_json::from_slice(&bytes).unwrap();
                let name = object["metadata"]["name"].clone();
                let exists = self
                    .held(&target.plural, &target.namespace)
                    .iter()
                    .any(|held| held["metadata"]["name"] == name);
                if exists && method == Method::POST {
                    return failure(StatusCode::CONFLICT, "AlreadyExists");
                }
                self.set(&target.plural, object.clone());
                whole(StatusCode::OK, &object)
            }
        }
    }

    fn watch(self: Arc<Self>, target: Target, query: &str) -> Response<Body> {
        let from = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("resourceVersion=")?.parse::<u64>().ok())
            .unwrap_or(0);
        let state = (self.version.subscribe(), from);
        let frames = futures::stream::unfold(
            (self, target, state),
            |(api, target, (mut changes, from))| async move {
                loop {
                    let lines: Vec<(u64, String)> = api
                        .state
                        .lock()
                        .events
                        .iter()
                        .filter(|(version, plural, namespace, _)| {
                            *version > from && target.covers(plural, namespace)
                        })
                        .map(|(version, _, _, event)| (*version, format!("{event}\n")))
                        .collect();
                    if let Some((version, _)) = lines.last() {
                        let version = *version;
                        let text: String = lines.into_iter().map(|(_, line)| line).collect();
                        let frame = Ok::<_, TransportError>(Frame::data(Bytes::from(text)));
                        return Some((frame, (api, target, (changes, version))));
                    }
                    changes.changed().await.ok()?;
                }
            },
        );
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn whole(status: StatusCode, body: &Value) -> Response<Body> {
    let body = Full::from(body.to_string()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

fn failure(status: StatusCode, reason: &str) -> Response<Body> {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": reason,
        "reason": reason,
        "code": status.as_u16(),
    });
    whole(status, &body)
}
