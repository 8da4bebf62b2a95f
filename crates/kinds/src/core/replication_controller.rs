//! Replication controllers.

use meta::ErrorList;
use resource::{Column, DefaultPropagation, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::pod::{defaults, template, warnings};
use crate::apps::replica_set::{replica_columns, replica_row, replica_status};
use crate::apps::workload::name_warnings;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{number, or_none};
use crate::toolkit::defaults::{object_at, when_empty, when_missing};
use crate::toolkit::selectors::map_text;
use crate::toolkit::{Field, Report};

room! {
    /// A number of equal pods, in the old way.
    ReplicationController
}

impl Strategy for ReplicationController {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let labels = object.pointer("/spec/template/metadata/labels").cloned();
        if let Some(labels) = labels.filter(|labels| labels.as_object().is_some_and(|l| !l.is_empty())) {
            if let Some(spec) = object_at(object, &["spec"]) {
                when_empty(spec, "selector", labels.clone());
            }
            if let Some(metadata) = object_at(object, &["metadata"]) {
                when_empty(metadata, "labels", labels);
            }
        }
        if let Some(spec) = object_at(object, &["spec"]) {
            when_missing(spec, "replicas", 1);
            if spec.get("template").is_some_and(Value::is_object) {
                defaults::template(spec);
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |controller| {
            replica_status(&controller.child("status"))
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        // Upstream has the two states in the wrong order: it warns of what was there.
        if let Some(old) = old {
            return warnings::of_template(old, Some(new));
        }
        let mut all = name_warnings(new);
        all.extend(warnings::of_template(new, None));
        all
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Orphan
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![(
            "status.replicas",
            number(object, &["status", "replicas"]).to_string(),
        )]
    }

    fn columns(&self) -> Vec<Column> {
        replica_columns([
            "core.v1.ReplicationControllerSpec.replicas",
            "core.v1.ReplicationControllerStatus.replicas",
            "core.v1.ReplicationControllerStatus.readyReplicas",
            "core.v1.ReplicationControllerSpec.selector",
        ])
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        replica_row(object, or_none(&map_text(&object["spec"]["selector"])), now)
    }
}

fn rules(controller: &Field) {
    let spec = controller.child("spec");
    spec.child("minReadySeconds").non_negative();
    let selector = spec.child("selector");
    selector.needed();
    spec.child("replicas").non_negative();
    let template = spec.child("template");
    if !template.is_set() {
        return template.required("");
    }
    let metadata = template.child("metadata");
    let labels = metadata.child("labels");
    if !selector
        .entries()
        .all(|(key, value)| labels.key(key).value() == value.value())
    {
        labels.invalid(template::MISMATCH);
    }
    template::rules(&template);
    template::lasting(&template, "ReplicationController");
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted};
    use serde_json::{Value, json};

    fn controller(selector: Value) -> Value {
        json!({"spec": {
            "selector": selector,
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        }})
    }

    #[test]
    fn labels_come_from_the_template() {
        let controller = defaulted("", "replicationcontrollers", controller(Value::Null));
        assert_eq!(controller["spec"]["selector"], json!({"a": "b"}));
        assert_eq!(controller["metadata"]["labels"], json!({"a": "b"}));
    }

    #[test]
    fn a_controller_finds_its_pods() {
        assert!(create_errors("", "replicationcontrollers", controller(json!({"a": "b"}))).is_empty());
        assert_eq!(
            create_errors("", "replicationcontrollers", controller(json!({"z": "y"}))),
            [
                r#"spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`"#,
            ]
        );
        assert_eq!(
            create_errors("", "replicationcontrollers", json!({})),
            ["spec.selector: Required value", "spec.template: Required value",]
        );
    }
}
