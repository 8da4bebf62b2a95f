//! Events: what happened to an object, for people. Recording never blocks and never fails the work it tells of.

mod correlate;

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::Metadata;
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use tokio::sync::mpsc;

use crate::api::Client;
use crate::controller::Chain;
use crate::error::Error;
use crate::metadata::ObjectMetadata;
use crate::options::{Patch, PatchOptions};
use crate::path::Scope;
use correlate::Correlator;

/// Events that wait to be written; more are dropped, since events are for information only.
const QUEUE_LENGTH: usize = 1000;
/// Series remembered, so that what happens again is counted in one Event.
const MAX_SERIES: usize = 4096;

/// Whether an event is about something going as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// It is.
    Normal,
    /// It is not.
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Writes Events for one component. Cheap to clone.
#[derive(Clone)]
pub struct EventRecorder {
    sender: mpsc::Sender<Occurrence>,
}

/// What makes two occurrences one Event with a count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Series {
    api_kind: String,
    namespace: String,
    uid: String,
    name: String,
    field_path: String,
    kind: EventType,
    reason: String,
    /// None if many messages share the Event.
    message: Option<String>,
}

struct Occurrence {
    regarding: ObjectReference,
    series: Series,
    message: String,
    at: Timestamp,
}

impl EventRecorder {
    /// Starts the writer of a component's events; `host` is the node's name for node agents, else empty.
    pub fn start(client: Client, component: &str, host: &str) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let host = (!host.is_empty()).then(|| host.to_owned());
        let source = EventSource {
            component: Some(component.to_owned()),
            host,
        };
        tokio::spawn(
            Writer {
                client,
                source,
                correlator: Correlator::default(),
                written: HashMap::new(),
            }
            .run(receiver),
        );
        Self { sender }
    }

    /// Records that something happened to an object.
    pub fn record<K>(&self, object: &K, kind: EventType, reason: &str, message: impl Into<String>)
    where
        K: Resource + Metadata<Ty: ObjectMetadata>,
    {
        self.record_reference(reference(object), kind, reason, message);
    }

    /// The same for a part of an object or one known only by reference.
    pub fn record_reference(
        &self,
        regarding: ObjectReference,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        let message = message.into();
        let series = Series {
            api_kind: regarding.kind.clone().unwrap_or_default(),
            namespace: regarding.namespace.clone().unwrap_or_default(),
            uid: regarding.uid.clone().unwrap_or_default(),
            name: regarding.name.clone().unwrap_or_default(),
            field_path: regarding.field_path.clone().unwrap_or_default(),
            kind,
            reason: reason.to_owned(),
            message: Some(message.clone()),
        };
        let occurrence = Occurrence {
            regarding,
            series,
            message,
            at: Timestamp::now(),
        };
        if self.sender.try_send(occurrence).is_err() {
            tracing::warn!(reason, "event dropped: too many wait to be written");
        }
    }
}

/// A reference to an object.
pub fn reference<K>(object: &K) -> ObjectReference
where
    K: Resource + Metadata<Ty: ObjectMetadata>,
{
    let metadata = object.metadata();
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ObjectReference {
        api_version: Some(K::API_VERSION.to_owned()),
        kind: Some(K::KIND.to_owned()),
        name: text(metadata.name()),
        namespace: text(metadata.namespace()),
        uid: text(metadata.uid()),
        resource_version: text(metadata.resource_version()),
        field_path: None,
    }
}

struct Written {
    name: String,
    count: i32,
}

struct Writer {
    client: Client,
    source: EventSource,
    correlator: Correlator,
    written: HashMap<Series, Written>,
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Occurrence>) {
        while let Some(mut occurrence) = receiver.recv().await {
            if !self.correlator.take(&mut occurrence) {
                continue;
            }
            if let Err(error) = self.write(&occurrence).await {
                tracing::debug!(error = %Chain(&error), reason = occurrence.series.reason, "event not written");
            }
        }
    }

    async fn write(&mut self, occurrence: &Occurrence) -> Result<(), Error> {
        if self.count_up(occurrence).await? {
            return Ok(());
        }
        let event = self.event(occurrence);
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        self.client.create(Scope::Namespace(&namespace), &event).await?;
        if self.written.len() >= MAX_SERIES {
            self.written.clear();
        }
        let name = event.metadata.name.unwrap_or_default();
        self.written
            .insert(occurrence.series.clone(), Written { name, count: 1 });
        Ok(())
    }

    /// Counts the occurrence in the Event that tells of the same already; false if there is none.
    async fn count_up(&mut self, occurrence: &Occurrence) -> Result<bool, Error> {
        let Some(written) = self.written.get_mut(&occurrence.series) else {
            return Ok(false);
        };
        written.count += 1;
        let change = serde_json::json!({
            "count": written.count,
            "lastTimestamp": Time(occurrence.at),
            "message": occurrence.message,
        });
        let namespace = event_namespace(&occurrence.series.namespace);
        let options = PatchOptions::default();
        let patched = self
            .client
            .patch::<Event>(namespace.into(), &written.name, Patch::Merge(&change), &options)
            .await;
        match patched {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => {
                self.written.remove(&occurrence.series);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn event(&self, occurrence: &Occurrence) -> Event {
        let series = &occurrence.series;
        let name = format!("{}.{:x}", series.name, occurrence.at.as_nanosecond());
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(event_namespace(&series.namespace).to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: occurrence.regarding.clone(),
            type_: Some(series.kind.as_str().to_owned()),
            reason: Some(series.reason.clone()),
            message: Some(occurrence.message.clone()),
            count: Some(1),
            first_timestamp: Some(Time(occurrence.at)),
            last_timestamp: Some(Time(occurrence.at)),
            source: Some(self.source.clone()),
            reporting_component: self.source.component.clone(),
            reporting_instance: self.source.host.clone(),
            ..Event::default()
        }
    }
}

/// Events of cluster-scoped objects live in the default namespace.
fn event_namespace(namespace: &str) -> &str {
    if namespace.is_empty() {
        "default"
    } else {
        namespace
    }
}
