//! The seam to auditing: what is told of a write beside what it does.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::object::Object;

/// Who writes about a request.
pub trait Trail: fmt::Debug + Send + Sync {
    /// Takes a note, unless there is one of that key.
    fn note(&self, key: String, text: String);

    /// The metadata of the object that the request brings.
    fn refers_to(&self, metadata: &Value);

    /// Whether what the request brings is written.
    fn takes_objects(&self) -> bool;

    /// The object that the request brings, in JSON.
    fn brought(&self, json: &[u8]);
}

/// Where notes about a request go; most often nowhere, which costs nothing. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Audit(Option<Arc<dyn Trail>>);

impl Audit {
    /// An audit that somebody writes.
    pub fn of(trail: Arc<dyn Trail>) -> Self {
        Self(Some(trail))
    }

    /// Whether anybody reads notes.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Takes a note, which is made only if somebody reads it.
    pub fn note(&self, key: impl Into<String>, text: impl FnOnce() -> String) {
        if let Some(trail) = &self.0 {
            trail.note(key.into(), text());
        }
    }

    /// The same where it holds parts of objects.
    pub fn note_of_objects(&self, key: impl FnOnce() -> String, text: impl FnOnce() -> String) {
        if let Some(trail) = self.0.as_ref().filter(|trail| trail.takes_objects()) {
            trail.note(key(), text());
        }
    }

    /// The request brings an object, which is written with the defaults of its kind.
    pub(crate) fn brought(&self, body: &Value, default: impl FnOnce(&mut Value)) {
        let Some(trail) = &self.0 else { return };
        trail.refers_to(&body["metadata"]);
        if trail.takes_objects() {
            let mut body = body.clone();
            default(&mut body);
            trail.brought(Object::unstored(body).json());
        }
    }
}
