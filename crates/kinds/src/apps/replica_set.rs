//! Replica sets.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::workload::{
    WRONG_SELECTOR, container_cells, container_columns, counts, name_warnings, selector_cell, selector_column,
};
use crate::core::pod::{defaults, template, warnings};
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, integer, name, number};
use crate::toolkit::defaults::{object_at, when_missing};
use crate::toolkit::{Field, Report};

room! {
    /// A number of equal pods.
    ReplicaSet
}

impl Strategy for ReplicaSet {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec"]) {
            when_missing(spec, "replicas", 1);
            defaults::template(spec);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |set| {
            rules(set);
            let spec = set.child("spec");
            spec.child("selector").immutable(old["spec"].get("selector"));
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |set| replica_status(&set.child("status")))
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut all = if old.is_none() {
            name_warnings(new)
        } else {
            Vec::new()
        };
        all.extend(warnings::of_template(new, old));
        all
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        replica_columns([
            "apps.v1.ReplicaSetSpec.replicas",
            "apps.v1.ReplicaSetStatus.replicas",
            "apps.v1.ReplicaSetStatus.readyReplicas",
            "apps.v1.ReplicaSetSpec.selector",
        ])
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        replica_row(object, selector_cell(object), now)
    }
}

/// Columns of whatever keeps a number of replicas, and the fields they show: wanted, there, ready, selector.
pub fn replica_columns([wanted, there, ready, selector]: [&'static str; 4]) -> Vec<Column> {
    let [containers, images] = container_columns();
    vec![
        NAME,
        integer("Desired", "Pods that are wanted.").shows(wanted),
        integer("Current", "Pods that are there.").shows(there),
        integer("Ready", "Pods that are ready.").shows(ready),
        AGE,
        containers,
        images,
        selector_column().shows(selector),
    ]
}

/// The cells for [`replica_columns`].
pub fn replica_row(object: &Value, selector: Value, now: i64) -> Row {
    let [containers, images] = container_cells(object);
    Row {
        cells: vec![
            name(object),
            number(object, &["spec", "replicas"]).into(),
            number(object, &["status", "replicas"]).into(),
            number(object, &["status", "readyReplicas"]).into(),
            created(object, now),
            containers,
            images,
            selector,
        ],
        ..Row::default()
    }
}

/// The status of whatever keeps a number of replicas.
pub fn replica_status(status: &Field) {
    counts(
        status,
        &[
            "replicas",
            "fullyLabeledReplicas",
            "readyReplicas",
            "availableReplicas",
            "terminatingReplicas",
            "observedGeneration",
        ],
        &[
            ("fullyLabeledReplicas", "replicas", "status.replicas"),
            ("readyReplicas", "replicas", "status.replicas"),
            ("availableReplicas", "replicas", "status.replicas"),
            ("availableReplicas", "readyReplicas", "readyReplicas"),
        ],
    );
}

fn rules(set: &Field) {
    let spec = set.child("spec");
    spec.child("replicas").non_negative();
    spec.child("minReadySeconds").non_negative();
    let selector = spec.child("selector");
    // Upstream's message speaks of deployments.
    if template::needed_selector(&selector, "deployment") {
        template::of_lasting(&spec.child("template"), &selector, "ReplicaSet");
    } else {
        selector.invalid(WRONG_SELECTOR);
    }
}

#[cfg(test)]
mod tests {
    use crate::apps::deployment::small;
    use crate::testing::{cells, create_errors, part_errors};
    use serde_json::json;

    #[test]
    fn a_set_finds_its_pods() {
        assert!(create_errors("apps", "replicasets", json!({"spec": small()})).is_empty());
        let mut spec = small();
        spec["template"]["metadata"]["labels"] = json!({"x": "y"});
        assert_eq!(
            create_errors("apps", "replicasets", json!({"spec": spec})),
            [
                r#"spec.template.metadata.labels: Invalid value: {"x":"y"}: `selector` does not match template `labels`"#,
            ]
        );
    }

    #[test]
    fn a_status_adds_up() {
        let set = json!({"status": {"replicas": 1, "fullyLabeledReplicas": 2, "availableReplicas": 1}});
        assert_eq!(
            part_errors("apps", "replicasets", "status", &set, &set),
            [
                "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
            ]
        );
    }

    #[test]
    fn a_row_counts_pods() {
        let set = json!({"spec": {"replicas": 3}, "status": {"replicas": 2, "readyReplicas": 1}});
        assert_eq!(cells("apps", "replicasets", &set)[1..4], [3, 2, 1]);
    }
}
