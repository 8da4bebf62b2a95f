//! Claims to devices.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::{claim_status, requests};
use crate::room::{keep_metadata, room, status_and_metadata_apart};
use crate::toolkit::Report;
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{object_at, restore};

room! {
    /// A request for devices.
    ResourceClaim
}

impl Strategy for ResourceClaim {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec"]) {
            requests::defaults(spec);
        }
        claim_status::defaults(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |claim| {
            requests::rules(&claim.child("spec"))
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |claim| {
            claim.child("spec").immutable(old.get("spec"));
        })
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
        keep_metadata(new, old);
        claim_status::forget_freed_devices(new, old);
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |claim| claim_status::rules(claim, old))
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_and_metadata_apart(subresource)
    }

    fn part_has_rows(&self, _subresource: &str) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string(
                "State",
                "A summary of the current state (allocated, pending, reserved, etc.).",
            ),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![name(object), state(object).into(), created(object, now)],
            ..Row::default()
        }
    }
}

fn state(claim: &Value) -> String {
    let mut states = Vec::new();
    if !text(claim, &["metadata", "deletionTimestamp"]).is_empty() {
        states.push("deleted");
    }
    if claim["status"]["allocation"].is_null() {
        if states.is_empty() {
            states.push("pending");
        }
    } else {
        states.push("allocated");
        if !list(claim, &["status", "reservedFor"]).is_empty() {
            states.push("reserved");
        }
    }
    states.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create_errors, defaulted};
    use serde_json::json;

    const GROUP: &str = "resource.k8s.io";

    fn claim(request: Value) -> Value {
        json!({"spec": {"devices": {"requests": [request]}}})
    }

    #[test]
    fn one_device_is_asked_for() {
        let claim = defaulted(
            GROUP,
            "resourceclaims",
            claim(json!({"name": "r", "exactly": {"deviceClassName": "gpu"}})),
        );
        let request = &claim["spec"]["devices"]["requests"][0]["exactly"];
        assert_eq!(request["allocationMode"], "ExactCount");
        assert_eq!(request["count"], 1);
        assert!(create_errors(GROUP, "resourceclaims", claim.clone()).is_empty());
    }

    #[test]
    fn requests_are_complete() {
        assert_eq!(
            create_errors(
                GROUP,
                "resourceclaims",
                claim(json!({"name": "r", "exactly": {}}))
            ),
            ["spec.devices.requests[0].exactly.deviceClassName: Required value",]
        );
        assert_eq!(
            create_errors(GROUP, "resourceclaims", claim(json!({"name": "r"}))).len(),
            1
        );
    }

    #[test]
    fn states_are_shown() {
        assert_eq!(state(&json!({})), "pending");
        assert_eq!(
            state(&json!({"status": {"allocation": {}, "reservedFor": [{}]}})),
            "allocated,reserved"
        );
    }
}
