//! Pods.

pub mod columns;
pub mod context;
pub mod create;
pub mod defaults;
pub mod image;
pub mod internal;
pub mod labels;
pub mod parts;
pub mod profiles;
pub mod qos;
pub mod resize;
pub mod status;
pub mod template;
pub mod update;
pub mod validation;
pub mod volume_warnings;
pub mod warnings;

use meta::ErrorList;
use resource::{Column, Deletion, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::Report;
use crate::toolkit::columns::{list, number, text};

room! {
    /// Pods.
    Pod
}

impl Strategy for Pod {
    fn default(&self, object: &mut Value) {
        defaults::pod(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        create::prepare(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, create::rules)
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        create::repair_grace_period(new);
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |pod| update::rules(pod, old))
    }

    fn prepare_part_for_update(&self, subresource: &str, new: &mut Value, old: &Value) {
        parts::prepare(subresource, new, old);
    }

    fn validate_part_update(&self, subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |pod| match subresource {
            "status" => status::rules(pod, old),
            "ephemeralcontainers" => parts::ephemeral_containers(pod, old),
            "resize" => resize::rules(pod, old),
            _ => {}
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        warnings::of_pod(new, old)
    }

    fn early_warnings(&self, new: &Value) -> Vec<String> {
        warnings::of_profiles(new)
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn deletion(&self, object: &Value, requested_grace_period_seconds: Option<i64>) -> Deletion {
        let is_unbound = text(object, &["spec", "nodeName"]).is_empty();
        let is_finished = matches!(text(object, &["status", "phase"]), "Failed" | "Succeeded");
        if is_unbound || is_finished {
            return Deletion::Graceful {
                grace_period_seconds: 0,
            };
        }
        let period = requested_grace_period_seconds
            .unwrap_or_else(|| number(object, &["spec", "terminationGracePeriodSeconds"]));
        Deletion::Graceful {
            // A negative period, from times when it was not refused, is the shortest one.
            grace_period_seconds: if period < 0 { 1 } else { period },
        }
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        match subresource {
            "" => &["status"],
            "status" => &["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"],
            _ => &[],
        }
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let host_network = object["spec"]["hostNetwork"] == Value::Bool(true);
        vec![
            ("spec.nodeName", text(object, &["spec", "nodeName"]).to_owned()),
            (
                "spec.restartPolicy",
                text(object, &["spec", "restartPolicy"]).to_owned(),
            ),
            (
                "spec.schedulerName",
                text(object, &["spec", "schedulerName"]).to_owned(),
            ),
            (
                "spec.serviceAccountName",
                text(object, &["spec", "serviceAccountName"]).to_owned(),
            ),
            ("spec.hostNetwork", host_network.to_string()),
            ("status.phase", text(object, &["status", "phase"]).to_owned()),
            ("status.podIP", first_address(object).to_owned()),
            (
                "status.nominatedNodeName",
                text(object, &["status", "nominatedNodeName"]).to_owned(),
            ),
        ]
    }

    fn part_has_rows(&self, subresource: &str) -> bool {
        // Upstream has it for the status alone.
        !matches!(subresource, "ephemeralcontainers" | "resize")
    }

    fn columns(&self) -> Vec<Column> {
        columns::columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        columns::row(object, now)
    }
}

/// The pod's address, its first if it has several.
fn first_address(pod: &Value) -> &str {
    match list(pod, &["status", "podIPs"]).first() {
        Some(address) => text(address, &["ip"]),
        None => text(pod, &["status", "podIP"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    #[test]
    fn pods_get_time_to_end_if_they_run() {
        let pod = testing::room("", "pods");
        let with = |node: &str, phase: &str| json!({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}});
        let graceful = |grace_period_seconds| Deletion::Graceful { grace_period_seconds };
        for (object, asked, expected) in [
            (with("", "Pending"), None, graceful(0)),
            (with("n", "Running"), None, graceful(30)),
            (with("n", "Running"), Some(0), graceful(0)),
            (with("n", "Running"), Some(-1), graceful(1)),
            (with("n", "Failed"), Some(5), graceful(0)),
        ] {
            assert_eq!(pod.deletion(&object, asked), expected, "{object}");
        }
    }

    #[test]
    fn every_selectable_field_has_a_value() {
        let pod = testing::room("", "pods");
        let names: Vec<&str> = pod
            .selectable_fields(&json!({}))
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(names, pod.selectable_field_names());
    }
}
