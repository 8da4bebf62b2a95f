//! Who asks, when and how: what every step of a write may need to know of its request.

use std::sync::Arc;

use bytes::Bytes;
use meta::User;
use parking_lot::Mutex;
use schema::FieldValidation;
use serde_json::Value;

use crate::audit::Audit;

/// The facts of a request that outlive its decoding. Cloning is cheap; clones share the warnings.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Who asks.
    pub user: Arc<User>,
    /// The object that the request's path names; empty if it names none. A create may name one: an update or apply of what is
    /// not there.
    pub requested_name: String,
    /// The time of the request; every timestamp a write makes is this one.
    pub now: jiff::Timestamp,
    /// Go through everything, write nothing.
    pub dry_run: bool,
    /// Who owns the fields written: the `fieldManager` parameter, or the first part of the user agent.
    pub field_manager: String,
    /// What to do about unknown and duplicate fields in a patched object.
    pub field_validation: FieldValidation,
    /// The options as the client gave them (`CreateOptions`, `UpdateOptions`, `DeleteOptions`), for who is asked whether a
    /// write is good. None if the request has none.
    pub options: Option<Arc<Value>>,
    /// The JSON that was sent, where the object has raw fields, whose text counts.
    pub sent: Option<Bytes>,
    /// What the client is to be told beside the answer.
    pub warnings: Warnings,
    /// Where notes about the request go.
    pub audit: Audit,
}

impl RequestContext {
    /// A request by `user` at `now` with every option at its default.
    pub fn new(user: Arc<User>, now: jiff::Timestamp) -> Self {
        Self {
            user,
            requested_name: String::new(),
            now,
            dry_run: false,
            field_manager: String::from("unknown"),
            field_validation: FieldValidation::default(),
            options: None,
            sent: None,
            warnings: Warnings::default(),
            audit: Audit::default(),
        }
    }
}

/// Texts for the `Warning` headers of an answer, each once, in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Adds a warning unless it is there already.
    pub fn add(&self, text: impl Into<String>) {
        let text = text.into();
        let mut texts = self.0.lock();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }

    /// Takes back what an attempt has said that came to nothing.
    pub(crate) fn take_back(&self, said: &[String]) {
        self.0.lock().retain(|text| !said.contains(text));
    }

    /// Takes everything collected so far.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}
