//! What is gathered about one request while it is served.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use jiff::Timestamp;
use meta::{Status, User};
use parking_lot::Mutex;
use serde_json::Value;

use crate::auditor::Auditor;
use crate::event::{Asked, Event, ObjectReference, ResponseStatus, compact};
use crate::policy::{Level, Stage, Treatment};

/// Bytes of a user agent at most.
const MAX_USER_AGENT_BYTES: usize = 1024;

/// What is gathered about a request. When the last who holds it lets go, the request is over.
#[derive(Debug)]
pub struct Record {
    auditor: Arc<Auditor>,
    treatment: Treatment,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    event: Event,
    is_over: bool,
}

impl Record {
    pub(crate) fn new(auditor: Arc<Auditor>, treatment: Treatment, mut asked: Asked) -> Self {
        shorten(&mut asked.user_agent);
        let event = Event {
            level: treatment.level,
            stage: Stage::RequestReceived,
            impersonated: None,
            constraint: None,
            status: None,
            request: None,
            response: None,
            at: asked.received,
            annotations: BTreeMap::new(),
            asked,
        };
        Self {
            auditor,
            treatment,
            state: Mutex::new(State {
                event,
                is_over: false,
            }),
        }
    }

    /// Whether what the request brings is written.
    pub fn takes_request(&self) -> bool {
        self.treatment.level >= Level::Request
    }

    /// Whether what is answered is written.
    pub fn takes_response(&self) -> bool {
        self.treatment.level >= Level::RequestResponse
    }

    /// Adds a note. One that is there already stays.
    pub fn annotate(&self, key: impl Into<String>, text: impl Into<String>) {
        self.state
            .lock()
            .event
            .annotations
            .entry(key.into())
            .or_insert_with(|| text.into());
    }

    /// Whom the user acts as, and by which narrow right, if by one.
    pub fn impersonated(&self, user: Arc<User>, constraint: Option<String>) {
        let event = &mut self.state.lock().event;
        event.impersonated = Some(user);
        event.constraint = constraint;
    }

    /// The object that the request brings tells more of what it is about.
    pub fn refers_to(&self, metadata: &Value) {
        let event = &mut self.state.lock().event;
        let object = event.asked.object.get_or_insert_default();
        let fill = |place: &mut String, field: &str| {
            if place.is_empty()
                && let Some(text) = metadata.get(field).and_then(Value::as_str)
            {
                text.clone_into(place);
            }
        };
        let ObjectReference {
            namespace,
            name,
            uid,
            resource_version,
            ..
        } = object;
        fill(namespace, "namespace");
        fill(name, "name");
        fill(uid, "uid");
        fill(resource_version, "resourceVersion");
    }

    /// What the request brings, in JSON; kept only if the policy wants it.
    pub fn request(&self, json: &[u8]) {
        if self.takes_request() {
            let object = self.object(json);
            self.state.lock().event.request = Some(object);
        }
    }

    /// What is answered, in JSON; kept only if the policy wants it.
    pub fn response(&self, json: &[u8]) {
        if self.takes_response() {
            let object = self.object(json);
            self.state.lock().event.response = Some(object);
        }
    }

    /// The answer is a Status.
    pub fn status(&self, status: &Status) {
        self.state.lock().event.status = Some(status.into());
    }

    /// The code of the answer.
    pub fn code(&self, code: u16) {
        self.state.lock().event.status.get_or_insert_default().code = code;
    }

    /// The request has come to a stage. False if that had to be written and could not be.
    pub async fn at(&self, stage: Stage) -> bool {
        let Some(event) = self.event(stage) else {
            return true;
        };
        // Boxed: it is large, and part of the future of every request otherwise.
        Box::pin(self.auditor.write(event)).await
    }

    /// The request broke down.
    pub async fn panicked(&self, what: &str) {
        self.state.lock().event.status = Some(ResponseStatus {
            status: "Failure".into(),
            message: format!("APIServer panic'd: {what}"),
            reason: "InternalError".into(),
            code: 500,
            ..ResponseStatus::default()
        });
        self.at(Stage::Panic).await;
    }

    /// Nothing more is written about the request.
    pub fn settle(&self) {
        self.state.lock().is_over = true;
    }

    /// The event of a stage, if one is to be written. The last stages end the request.
    fn event(&self, stage: Stage) -> Option<Event> {
        let mut state = self.state.lock();
        if state.is_over {
            return None;
        }
        state.is_over = matches!(stage, Stage::ResponseComplete | Stage::Panic);
        if self.treatment.omit_stages.contains(&stage) {
            return None;
        }
        state.event.stage = stage;
        state.event.at = match stage {
            Stage::RequestReceived => state.event.asked.received,
            _ => Timestamp::now(),
        };
        Some(state.event.clone())
    }

    fn object(&self, json: &[u8]) -> Bytes {
        if self.treatment.omit_managed_fields
            && let Ok(mut tree) = serde_json::from_slice::<Value>(json)
        {
            forget_managed_fields(&mut tree);
            return tree.to_string().into();
        }
        compact(json)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        {
            let event = &mut self.state.get_mut().event;
            // Nobody has waited for the answer.
            event.status.get_or_insert_with(|| ResponseStatus {
                status: "Success".into(),
                message: "Connection closed early".into(),
                code: 200,
                ..ResponseStatus::default()
            });
        }
        let Some(event) = self.event(Stage::ResponseComplete) else {
            return;
        };
        let auditor = Arc::clone(&self.auditor);
        let mut writing = Box::pin(async move { auditor.write(event).await });
        // Most sinks take it at once; what has to wait goes on by itself.
        if (&mut writing).now_or_never().is_none()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(writing);
        }
    }
}

/// A user agent is the client's own words, and may be of any length.
fn shorten(user_agent: &mut String) {
    if user_agent.len() > MAX_USER_AGENT_BYTES {
        user_agent.truncate(user_agent.floor_char_boundary(MAX_USER_AGENT_BYTES));
        user_agent.push_str("...TRUNCATED");
    }
}

/// Of the object, the items of a list and the rows of a table.
fn forget_managed_fields(tree: &mut Value) {
    let forget = |object: &mut Value| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    };
    forget(tree);
    let each = |tree: &mut Value, list: &str, forget: &dyn Fn(&mut Value)| {
        let items = tree.get_mut(list).and_then(Value::as_array_mut);
        items.into_iter().flatten().for_each(forget);
    };
    each(tree, "items", &forget);
    each(tree, "rows", &|row| {
        if let Some(object) = row.get_mut("object") {
            forget(object);
        }
    });
}
