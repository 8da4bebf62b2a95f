//! What is told of a node as Events: its start, and which of its conditions have changed.

use client::{EventRecorder, EventType};
use k8s_openapi::api::core::v1::{NodeStatus, ObjectReference};

/// Tells of one node; without a cluster, nobody.
pub struct NodeVoice {
    recorder: Option<EventRecorder>,
    regarding: ObjectReference,
}

impl NodeVoice {
    pub fn new(recorder: Option<EventRecorder>, node: &str) -> Self {
        let regarding = ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(node.to_owned()),
            // The kubelet tells of its node before there is an object, so its name stands for the uid, as `kubectl
            // describe` knows.
            uid: Some(node.to_owned()),
            ..ObjectReference::default()
        };
        Self { recorder, regarding }
    }

    /// The kubelet has started.
    pub fn started(&self) {
        self.say(EventType::Normal, "Starting", "Starting kubelet.".to_owned());
    }

    /// The node is in the cluster, for the first time since the start.
    pub fn registered(&self) {
        let message = "Updated Node Allocatable limit across pods".to_owned();
        self.say(EventType::Normal, "NodeAllocatableEnforced", message);
    }

    /// The status was written.
    pub fn changed(&self, before: &NodeStatus, after: &NodeStatus) {
        let name = self.regarding.name.as_deref().unwrap_or_default();
        for reason in changes(before, after) {
            let message = format!("Node {name} status is now: {reason}");
            self.say(EventType::Normal, reason, message);
        }
        if let Some(boot_id) = new_boot(before, after) {
            let message = format!("Node {name} has been rebooted, boot id: {boot_id}");
            self.say(EventType::Warning, "Rebooted", message);
        }
    }

    fn say(&self, kind: EventType, reason: &str, message: String) {
        if let Some(recorder) = &self.recorder {
            recorder.record_reference(self.regarding.clone(), kind, reason, message);
        }
    }
}

/// The reasons of the events about conditions that are not what they were.
fn changes(before: &NodeStatus, after: &NodeStatus) -> Vec<&'static str> {
    let after = after.conditions.iter().flatten();
    let told = after.filter_map(|condition| {
        let mut old = before.conditions.iter().flatten();
        let same = old.any(|old| old.type_ == condition.type_ && old.status == condition.status);
        (!same).then(|| reason(&condition.type_, condition.status == "True"))?
    });
    told.collect()
}

fn reason(condition: &str, holds: bool) -> Option<&'static str> {
    Some(match (condition, holds) {
        ("Ready", true) => "NodeReady",
        ("Ready", false) => "NodeNotReady",
        ("MemoryPressure", true) => "NodeHasInsufficientMemory",
        ("MemoryPressure", false) => "NodeHasSufficientMemory",
        ("DiskPressure", true) => "NodeHasDiskPressure",
        ("DiskPressure", false) => "NodeHasNoDiskPressure",
        ("PIDPressure", true) => "NodeHasInsufficientPID",
        ("PIDPressure", false) => "NodeHasSufficientPID",
        _ => return None,
    })
}

fn new_boot<'a>(before: &NodeStatus, after: &'a NodeStatus) -> Option<&'a str> {
    let before = before.node_info.as_ref()?.boot_id.as_str();
    let after = after.node_info.as_ref()?.boot_id.as_str();
    (!before.is_empty() && before != after).then_some(after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(conditions: &[(&str, &str)], boot_id: &str) -> NodeStatus {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(kind, status)| json!({ "type": kind, "status": status }))
            .collect();
        let status = json!({ "conditions": conditions, "nodeInfo": { "bootID": boot_id } });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn what_changed_is_told() {
        let none = NodeStatus::default();
        let unready = status(&[("MemoryPressure", "False"), ("Ready", "False")], "1");
        let ready = status(&[("MemoryPressure", "False"), ("Ready", "True")], "1");
        let short = status(&[("MemoryPressure", "True"), ("Ready", "True")], "2");
        assert_eq!(
            changes(&none, &unready),
            ["NodeHasSufficientMemory", "NodeNotReady"]
        );
        assert_eq!(changes(&unready, &ready), ["NodeReady"]);
        assert!(changes(&ready, &ready).is_empty());
        assert_eq!(changes(&ready, &short), ["NodeHasInsufficientMemory"]);
        assert_eq!(new_boot(&none, &ready), None);
        assert_eq!(new_boot(&unready, &ready), None);
        assert_eq!(new_boot(&ready, &short), Some("2"));
    }
}
