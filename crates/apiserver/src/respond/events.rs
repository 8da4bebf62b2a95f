//! Events of a watch, in the form the client wants.

use std::sync::Arc;

use bytes::BytesMut;
use meta::{ResourceVersion, Status};
use registry::{Object, Resource, WatchEvent};
use serde_json::{Value, json};

use crate::body::EncodeEvent;
use crate::clock::now_seconds;
use crate::codec;
use crate::metrics::Counter;
use crate::negotiate::{Encoding, Format, View};
use crate::protobuf;
use crate::respond::metadata::partial;
use crate::respond::table::{IncludeObject, Rows, Shown};

/// Marks the bookmark behind the present state.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Encodes the events of one watch.
pub struct Events {
    /// What is watched.
    pub resource: Arc<Resource>,
    /// The form of the events.
    pub format: Format,
    /// What rows of tables carry.
    pub include: IncludeObject,
    /// Counts events.
    pub sent: Arc<Counter>,
    /// Only the first table of a watch has columns.
    pub with_columns: bool,
}

/// What an event adds to its object, about.
const AROUND: usize = 48;

impl EncodeEvent for Events {
    fn expected_bytes(&self, event: &WatchEvent) -> usize {
        let object = match (event, self.format.view) {
            (
                WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object),
                View::Whole,
            ) => object.json().len(),
            // A little of an object, or something little.
            _ => 512,
        };
        object + AROUND
    }

    fn encode(&mut self, event: WatchEvent, out: &mut BytesMut) {
        self.sent.increment();
        match event {
            WatchEvent::Added(object) => self.object("ADDED", &object, out),
            WatchEvent::Modified(object) => self.object("MODIFIED", &object, out),
            WatchEvent::Deleted(object) => self.object("DELETED", &object, out),
            WatchEvent::Bookmark {
                revision,
                initial_events_end,
            } => {
                let bookmark = self.bookmark(revision, initial_events_end);
                self.object("BOOKMARK", &bookmark, out);
            }
            WatchEvent::Error(status) => self.tree("ERROR", &status.to_json(), out),
        }
    }
}

impl Events {
    fn object(&mut self, kind: &str, object: &Object, out: &mut BytesMut) {
        let json = match (self.format.encoding, self.format.view) {
            (Encoding::Protobuf, View::Whole) => match codec::object_to_protobuf(object) {
                Ok(bytes) => return protobuf::put_event(out, kind, &bytes),
                Err(status) => return self.error(&status, out),
            },
            (_, View::Whole) => object.json().clone(),
            (_, View::Metadata(version) | View::MetadataList(version)) => {
                let hidden = self.resource.kind().annotation_of_a_field();
                partial(hidden, object, version)
            }
            (_, View::Table(version)) => {
                let now = now_seconds();
                let rows = Rows {
                    shown: Shown::Kind(&**self.resource.kind()),
                    include: self.include,
                    version,
                    now,
                };
                rows.single(object, std::mem::take(&mut self.with_columns)).into()
            }
        };
        match self.format.encoding {
            Encoding::Protobuf => self.tree(kind, &codec::tree_of(&json), out),
            Encoding::Json | Encoding::Yaml => put_json(out, kind, &json),
        }
    }

    fn tree(&self, kind: &str, tree: &Value, out: &mut BytesMut) {
        match self.format.encoding {
            Encoding::Protobuf => match codec::to_protobuf(tree) {
                Ok(bytes) => protobuf::put_event(out, kind, &bytes),
                Err(status) => self.error(&status, out),
            },
            Encoding::Json | Encoding::Yaml => put_json(out, kind, tree.to_string().as_bytes()),
        }
    }

    /// What cannot be encoded becomes an error the client sees. A Status has every form.
    fn error(&self, status: &Status, out: &mut BytesMut) {
        if let Ok(bytes) = codec::to_protobuf(&status.to_json()) {
            protobuf::put_event(out, "ERROR", &bytes);
        }
    }

    /// An object of the watched kind with nothing but a version. As upstream writes it, that is one of which nothing was given,
    /// and what is made of other objects (a row, their metadata) is made of it as well.
    fn bookmark(&self, revision: ResourceVersion, initial_events_end: bool) -> Object {
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        if initial_events_end {
            metadata["annotations"] = json!({ INITIAL_EVENTS_END: "true" });
        }
        let kind = self.resource.kind();
        let descriptor = kind.descriptor();
        let mut bookmark = match kind.is_custom() {
            true => json!({}),
            false => descriptor.schema.zero(),
        };
        bookmark["kind"] = descriptor.kind.kind.as_ref().into();
        bookmark["apiVersion"] = descriptor.kind.api_version().into();
        bookmark["metadata"] = metadata;
        Object::unstored(bookmark)
    }
}

fn put_json(out: &mut BytesMut, kind: &str, json: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(json);
    out.extend_from_slice(b"}\n");
}
