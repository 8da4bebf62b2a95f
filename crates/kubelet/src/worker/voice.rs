//! What is told of pods as Events.

use client::recorder::reference;
use client::{EventRecorder, EventType};
use k8s_openapi::api::core::v1::ObjectReference;

use crate::pod::{Member, PodToRun};

/// Records events about pods and their containers; without a cluster, only in the log.
pub struct Voice {
    recorder: Option<EventRecorder>,
}

impl Voice {
    pub fn new(recorder: Option<EventRecorder>) -> Self {
        Self { recorder }
    }

    /// Something about a pod went as it should.
    pub fn note(&self, pod: &PodToRun, reason: &str, message: impl Into<String>) {
        self.say(pod, None, EventType::Normal, reason, message.into());
    }

    /// Something about a pod went wrong.
    pub fn warn(&self, pod: &PodToRun, reason: &str, message: impl Into<String>) {
        self.say(pod, None, EventType::Warning, reason, message.into());
    }

    /// Something about a container went as it should.
    pub fn note_of(&self, pod: &PodToRun, member: &Member, reason: &str, message: impl Into<String>) {
        self.say(pod, Some(member), EventType::Normal, reason, message.into());
    }

    /// Something about a container went wrong.
    pub fn warn_of(&self, pod: &PodToRun, member: &Member, reason: &str, message: impl Into<String>) {
        self.say(pod, Some(member), EventType::Warning, reason, message.into());
    }

    fn say(&self, pod: &PodToRun, member: Option<&Member>, kind: EventType, reason: &str, message: String) {
        let container = member.map(Member::name);
        tracing::debug!(pod = pod.described(), container, reason, message, "event");
        if let Some(recorder) = &self.recorder {
            recorder.record_reference(regarding(pod, member), kind, reason, message);
        }
    }
}

fn regarding(pod: &PodToRun, member: Option<&Member>) -> ObjectReference {
    ObjectReference {
        field_path: member.map(Member::field_path),
        ..reference(&**pod.object())
    }
}
