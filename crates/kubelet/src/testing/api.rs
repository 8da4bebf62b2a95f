//! An API server in memory, as much of one as a kubelet talks to: objects by path, patches as they are merged for real,
//! watches, graceful deletion of pods.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use client::{Body, Client, transport};
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use meta::{GroupVersionKind, Reason, Status};
use parking_lot::Mutex;
use patch::{Patch, PatchType};
use serde_json::{Value, json};
use tokio::sync::watch;

pub struct FakeApi {
    state: Mutex<State>,
    /// Counts writes, and wakes who waits for one.
    written: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    history: Vec<Event>,
    requests: Vec<String>,
    down: bool,
}

#[derive(Clone)]
struct Event {
    version: u64,
    kind: &'static str,
    path: String,
    object: Value,
}

type Answer = Result<Value, Status>;

impl FakeApi {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            written: watch::Sender::new(0),
        })
    }

    pub fn client(self: &Arc<Self>) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        Client::new(transport::boxed(service), "kubelet/test")
    }

    /// Puts an object there, as a user would.
    pub fn put(&self, path: &str, object: Value) {
        let mut state = self.state.lock();
        let kind = if state.objects.contains_key(path) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        state.write(kind, path, object);
        self.wake(&state);
    }

    /// Takes an object away, as a user would with force.
    pub fn remove(&self, path: &str) {
        let mut state = self.state.lock();
        state.remove(path);
        self.wake(&state);
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().objects.get(path).cloned()
    }

    /// An object as it last was, even if it is gone.
    pub fn last(&self, path: &str) -> Option<Value> {
        let state = self.state.lock();
        let event = state.history.iter().rev().find(|event| event.path == path);
        event.map(|event| event.object.clone())
    }

    /// Objects below a path.
    pub fn list(&self, prefix: &str) -> Vec<Value> {
        let state = self.state.lock();
        let below = state.objects.iter().filter(|(path, _)| path.starts_with(prefix));
        below.map(|(_, object)| object.clone()).collect()
    }

    /// While it is down, every request fails, and running watches end.
    pub fn set_down(&self, down: bool) {
        let mut state = self.state.lock();
        state.down = down;
        state.version += 1;
        self.wake(&state);
    }

    /// The requests that change something, so far: `PATCH /api/v1/nodes/a/status`.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }

    /// Waits until something holds.
    pub async fn until<T>(&self, what: &str, check: impl Fn(&Self) -> Option<T>) -> T {
        let mut written = self.written.subscribe();
        let wait = async {
            loop {
                if let Some(found) = check(self) {
                    return found;
                }
                written.changed().await.expect("the sender lives");
            }
        };
        match tokio::time::timeout(std::time::Duration::from_secs(30), wait).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come; there is {:#?}", self.state.lock().objects),
        }
    }

    fn wake(&self, state: &State) {
        self.written.send_replace(state.version);
    }

    async fn answer(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let content_type = parts
            .headers
            .get("content-type")
            .map(|value| value.as_bytes().to_vec());
        if self.state.lock().down {
            return respond(Err(Status::failure(503, Reason::SERVICE_UNAVAILABLE, "down")));
        }
        if query.contains("watch=true") {
            return self.watch(&path, &query);
        }
        let mut state = self.state.lock();
        if parts.method != Method::GET {
            state.requests.push(format!("{} {path}", parts.method));
        }
        let answer = match parts.method {
            Method::GET => state.read(&path, &query),
            Method::POST => state.create(&path, &body),
            Method::PUT => state.replace(&path, &body),
            Method::PATCH => state.patch(&path, &content_type.unwrap_or_default(), &body),
            Method::DELETE => state.delete(&path, &body),
            other => panic!("unexpected method {other}"),
        };
        self.wake(&state);
        drop(state);
        respond(answer)
    }

    fn watch(self: Arc<Self>, path: &str, query: &str) -> Response<Body> {
        let from: u64 = parameter(query, "resourceVersion").parse().unwrap_or(0);
        let selector = parameter(query, "fieldSelector");
        let path = path.to_owned();
        let written = self.written.subscribe();
        let events = futures::stream::unfold((self, from, written), move |(api, from, mut written)| {
            let (path, selector) = (path.clone(), selector.clone());
            async move {
                loop {
                    let found = {
                        let state = api.state.lock();
                        if state.down {
                            return None;
                        }
                        let mut later = state.history.iter().filter(|event| event.version > from);
                        later
                            .find(|event| {
                                in_collection(&event.path, &path) && selects(&selector, &event.object)
                            })
                            .cloned()
                    };
                    if let Some(event) = found {
                        let line = json!({ "type": event.kind, "object": event.object }).to_string() + "\n";
                        let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(line)));
                        return Some((frame, (api, event.version, written)));
                    }
                    written.changed().await.ok()?;
                }
            }
        });
        let body = StreamBody::new(events.boxed()).map_err(|never| match never {});
        Response::new(body.boxed_unsync())
    }
}

fn respond(answer: Answer) -> Response<Body> {
    let (code, body) = match answer {
        Ok(object) => (200, object.to_string()),
        Err(status) => (status.code, serde_json::to_string(&status).unwrap()),
    };
    Response::builder()
        .status(code)
        .body(transport::full(body))
        .unwrap()
}

fn parameter(query: &str, name: &str) -> String {
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_default().replace("%3D", "=").replace("%2F", "/")
}

/// Whether an object's path is in a collection, of one namespace or of all.
fn in_collection(object: &str, collection: &str) -> bool {
    let Some((parent, _)) = object.rsplit_once('/') else {
        return false;
    };
    if parent == collection {
        return true;
    }
    let (Some((base, resource)), Some((start, end))) = (collection.rsplit_once('/'), parent.rsplit_once('/'))
    else {
        return false;
    };
    resource == end
        && start
            .strip_prefix(base)
            .is_some_and(|rest| rest.starts_with("/namespaces/"))
}

fn selects(selector: &str, object: &Value) -> bool {
    selector.split(',').filter(|term| !term.is_empty()).all(|term| {
        let (field, value) = term.split_once('=').unwrap();
        let found = object.pointer(&format!("/{}", field.replace('.', "/")));
        found.and_then(Value::as_str).unwrap_or_default() == value
    })
}

fn read_body(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

fn not_found(path: &str) -> Status {
    Status::failure(404, Reason::NOT_FOUND, format!("{path} not found"))
}

impl State {
    fn write(&mut self, kind: &'static str, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let metadata = meta::object::metadata_mut(&mut object).unwrap();
        metadata.insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        let uid = format!("uid{}", self.version);
        metadata.entry("uid").or_insert_with(|| json!(uid));
        let name = path.rsplit('/').next().unwrap();
        metadata.entry("name").or_insert_with(|| json!(name));
        if let Some(namespace) = path
            .split("/namespaces/")
            .nth(1)
            .and_then(|rest| rest.split('/').next())
        {
            metadata.entry("namespace").or_insert_with(|| json!(namespace));
        }
        let event = Event {
            version: self.version,
            kind,
            path: path.to_owned(),
            object: object.clone(),
        };
        self.history.push(event);
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn remove(&mut self, path: &str) -> Option<Value> {
        let object = self.objects.get(path)?.clone();
        let object = self.write("DELETED", path, object);
        self.objects.remove(path);
        Some(object)
    }

    fn read(&self, path: &str, query: &str) -> Answer {
        if let Some(object) = self.objects.get(path) {
            return Ok(object.clone());
        }
        // An object's name stands behind its resource; of these no resource has an odd number of parts.
        let is_collection = [
            "pods",
            "nodes",
            "leases",
            "events",
            "configmaps",
            "secrets",
            "services",
        ];
        if !is_collection.contains(&path.rsplit('/').next().unwrap()) {
            return Err(not_found(path));
        }
        let selector = parameter(query, "fieldSelector");
        let found = self
            .objects
            .iter()
            .filter(|(object, _)| in_collection(object, path));
        let items: Vec<&Value> = found
            .map(|(_, object)| object)
            .filter(|object| selects(&selector, object))
            .collect();
        Ok(json!({ "metadata": { "resourceVersion": self.version.to_string() }, "items": items }))
    }

    fn create(&mut self, path: &str, body: &[u8]) -> Answer {
        let object = read_body(body);
        let path = format!("{path}/{}", meta::object::name(&object));
        if self.objects.contains_key(&path) {
            return Err(Status::failure(
                409,
                Reason::ALREADY_EXISTS,
                format!("{path} already exists"),
            ));
        }
        let mut object = object;
        if let Some(metadata) = meta::object::metadata_mut(&mut object) {
            metadata.remove("uid");
        }
        Ok(self.write("ADDED", &path, object))
    }

    fn replace(&mut self, path: &str, body: &[u8]) -> Answer {
        if !self.objects.contains_key(path) {
            return Err(not_found(path));
        }
        Ok(self.write("MODIFIED", path, read_body(body)))
    }

    fn patch(&mut self, path: &str, content_type: &[u8], body: &[u8]) -> Answer {
        let path = path.strip_suffix("/status").unwrap_or(path);
        let object = self.objects.get(path).cloned().ok_or_else(|| not_found(path))?;
        let patch_type = match content_type {
            b"application/merge-patch+json" => PatchType::Merge,
            b"application/strategic-merge-patch+json" => PatchType::Strategic,
            other => panic!("unexpected patch type {other:?}"),
        };
        let kind = match path {
            _ if path.contains("/pods/") => "Pod",
            _ if path.contains("/nodes/") => "Node",
            _ => "Event",
        };
        let schema = schema::builtin(&GroupVersionKind::new("", "v1", kind));
        let patch = Patch::parse(patch_type, body).map_err(|error| error.to_status())?;
        let patched = patch.apply(&object, schema).map_err(|error| error.to_status())?;
        if patched["metadata"]["uid"] != object["metadata"]["uid"] {
            return Err(Status::failure(409, Reason::CONFLICT, "the UID does not match"));
        }
        if patched == object {
            return Ok(object);
        }
        Ok(self.write("MODIFIED", path, patched))
    }

    fn delete(&mut self, path: &str, body: &[u8]) -> Answer {
        let mut object = self.objects.get(path).cloned().ok_or_else(|| not_found(path))?;
        let options = read_body(body);
        let wanted = &options["preconditions"]["uid"];
        if !wanted.is_null() && *wanted != object["metadata"]["uid"] {
            return Err(Status::failure(409, Reason::CONFLICT, "the UID does not match"));
        }
        let grace = options["gracePeriodSeconds"].as_i64().unwrap_or(30);
        if path.contains("/pods/") && grace > 0 {
            object["metadata"]["deletionTimestamp"] = json!(later(grace));
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            return Ok(self.write("MODIFIED", path, object));
        }
        self.remove(path).ok_or_else(|| not_found(path))
    }
}

fn later(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now + seconds).unwrap().to_string()
}
