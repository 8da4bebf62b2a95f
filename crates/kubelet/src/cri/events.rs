//! Events of containers and sandboxes.
//!
//! CRI's own event stream is missing in containerd 1.6. containerd's native event service tells the same on the same
//! socket in every version, so it is asked first; other runtimes answer `GetContainerEvents`.

use futures::StreamExt;
use futures::stream::BoxStream;

use super::message::{ContainerEventResponse, ContainerEventType};
use super::{Result, RuntimeError};

/// Something happened to a container or sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeEvent {
    /// Id of the container or sandbox.
    pub container_id: String,
    pub kind: EventKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Started,
    Exited,
    Removed,
}

/// The namespace of containerd in which its CRI plugin keeps everything.
const CONTAINERD_NAMESPACE: &str = "k8s.io";

/// A request for containerd's events; what matches one of the filters is sent.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SubscribeRequest {
    #[prost(string, repeated, tag = "1")]
    filters: Vec<String>,
}

impl SubscribeRequest {
    pub(super) fn tasks() -> Self {
        let topics = ["/tasks/start", "/tasks/exit", "/tasks/delete"];
        Self {
            filters: topics
                .iter()
                .map(|topic| format!("namespace=={CONTAINERD_NAMESPACE},topic==\"{topic}\""))
                .collect(),
        }
    }
}

/// An event of containerd with its type-tagged content.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Envelope {
    #[prost(string, tag = "3")]
    topic: String,
    #[prost(message, optional, tag = "4")]
    event: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// What start, exit and delete events of tasks have in common: the container, and for exit and delete the process.
#[derive(Clone, PartialEq, prost::Message)]
struct TaskEvent {
    #[prost(string, tag = "1")]
    container_id: String,
}

/// An exit also names the process: the container itself, or a command that was run in it.
#[derive(Clone, PartialEq, prost::Message)]
struct TaskExit {
    #[prost(string, tag = "1")]
    container_id: String,
    #[prost(string, tag = "2")]
    process_id: String,
}

impl Envelope {
    /// What the event means to us; none for the ends of commands that were run inside a container.
    fn interpret(&self) -> Option<RuntimeEvent> {
        let value = self.event.as_ref()?.value.as_slice();
        let event = |kind, container_id| RuntimeEvent { container_id, kind };
        match self.topic.as_str() {
            "/tasks/start" => {
                decode::<TaskEvent>(value).map(|task| event(EventKind::Started, task.container_id))
            }
            "/tasks/delete" => {
                decode::<TaskEvent>(value).map(|task| event(EventKind::Removed, task.container_id))
            }
            "/tasks/exit" => decode::<TaskExit>(value)
                .filter(|exit| exit.process_id == exit.container_id)
                .map(|exit| event(EventKind::Exited, exit.container_id)),
            _ => None,
        }
    }
}

fn decode<M: prost::Message + Default>(value: &[u8]) -> Option<M> {
    M::decode(value).ok()
}

pub(super) fn from_containerd(
    stream: tonic::Streaming<Envelope>,
) -> BoxStream<'static, Result<RuntimeEvent>> {
    stream
        .filter_map(async |envelope| match envelope {
            Ok(envelope) => envelope.interpret().map(Ok),
            Err(status) => Some(Err(RuntimeError::from(status))),
        })
        .boxed()
}

pub(super) fn from_cri(
    stream: tonic::Streaming<ContainerEventResponse>,
) -> BoxStream<'static, Result<RuntimeEvent>> {
    stream
        .filter_map(async |event| match event {
            Ok(event) => interpret_cri(event).map(Ok),
            Err(status) => Some(Err(RuntimeError::from(status))),
        })
        .boxed()
}

fn interpret_cri(event: ContainerEventResponse) -> Option<RuntimeEvent> {
    let kind = match event.container_event_type() {
        ContainerEventType::Created => return None,
        ContainerEventType::Started => EventKind::Started,
        ContainerEventType::Stopped => EventKind::Exited,
        ContainerEventType::Deleted => EventKind::Removed,
    };
    Some(RuntimeEvent {
        container_id: event.container_id,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    fn envelope(topic: &str, value: &impl Message) -> Envelope {
        Envelope {
            topic: topic.to_owned(),
            event: Some(Any {
                type_url: String::new(),
                value: value.encode_to_vec(),
            }),
        }
    }

    fn exit(container: &str, process: &str) -> TaskExit {
        TaskExit {
            container_id: container.to_owned(),
            process_id: process.to_owned(),
        }
    }

    #[test]
    fn exits_of_containers_count_and_exits_of_commands_do_not() {
        let own = envelope("/tasks/exit", &exit("c1", "c1")).interpret();
        assert_eq!(
            own,
            Some(RuntimeEvent {
                container_id: "c1".to_owned(),
                kind: EventKind::Exited
            })
        );
        assert_eq!(envelope("/tasks/exit", &exit("c1", "exec-7")).interpret(), None);
        assert_eq!(envelope("/images/create", &exit("c1", "c1")).interpret(), None);
    }
}
