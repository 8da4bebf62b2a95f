//! The scale of a workload: how many replicas it has and shall have, whatever its kind.

use std::sync::Arc;

use meta::Status;
use meta::object::metadata;
use resource::table::OBJECT_NAME;
use resource::{Column, Projection, Row, SubresourceKind};
use serde_json::{Map, Value, json};

use crate::toolkit::columns::{AGE, created, integer, name, number};
use crate::toolkit::selectors::{label_selector_text, map_text};

/// The scale of a workload with a label selector.
pub fn of_label_selector() -> SubresourceKind {
    SubresourceKind::Projection(Arc::new(Scale {
        selector_text: label_selector_text,
    }))
}

/// The scale of a replication controller, whose selector is a map of labels.
pub fn of_plain_selector() -> SubresourceKind {
    SubresourceKind::Projection(Arc::new(Scale {
        selector_text: map_text,
    }))
}

/// The scale of a built-in workload.
#[derive(Debug)]
struct Scale {
    selector_text: fn(&Value) -> String,
}

impl Projection for Scale {
    fn read(&self, object: &Value) -> Result<Value, Status> {
        Ok(read(object, self.selector_text))
    }

    fn write(&self, object: &mut Value, wishes: &Value) -> Result<(), Status> {
        write(object, wishes)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::string("Name", "Name of the object.").shows(OBJECT_NAME),
            integer("Desired", "Replicas there shall be.").shows("autoscaling.v1.ScaleSpec.replicas"),
            integer("Available", "Replicas there are.").shows("autoscaling.v1.ScaleStatus.replicas"),
            AGE,
        ]
    }

    fn row(&self, read: &Value, now: i64) -> Row {
        let replicas = |part: &str| number(read, &[part, "replicas"]).into();
        Row {
            cells: vec![
                name(read),
                replicas("spec"),
                replicas("status"),
                created(read, now),
            ],
            conditions: Vec::new(),
        }
    }
}

fn read(object: &Value, selector_text: fn(&Value) -> String) -> Value {
    let mut of_scale = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = metadata(object).and_then(|m| m.get(field)) {
            of_scale.insert(field.to_owned(), value.clone());
        }
    }
    let number = |part: &str| object[part]["replicas"].as_i64().unwrap_or(0);
    let mut spec = Map::new();
    if number("spec") != 0 {
        spec.insert("replicas".to_owned(), number("spec").into());
    }
    let mut status = Map::new();
    status.insert("replicas".to_owned(), number("status").into());
    let selector = selector_text(&object["spec"]["selector"]);
    if !selector.is_empty() {
        status.insert("selector".to_owned(), selector.into());
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": of_scale,
        "spec": spec,
        "status": status,
    })
}

fn write(object: &mut Value, scale: &Value) -> Result<(), Status> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    let mut errors = metadata_errors(scale);
    if replicas < 0 {
        let place = meta::Path::new("spec.replicas");
        errors.push(meta::FieldError::invalid(
            &place,
            replicas,
            crate::toolkit::checks::NOT_NEGATIVE,
        ));
    }
    if !errors.is_empty() {
        let kind = meta::GroupVersionKind::new("autoscaling", "v1", "Scale");
        return Err(Status::invalid(&kind, meta::object::name(scale), &errors));
    }
    object["spec"]["replicas"] = replicas.into();
    Ok(())
}

/// Nothing of a scale's metadata is stored, but it must be right.
fn metadata_errors(scale: &Value) -> meta::ErrorList {
    let name = |name: &str, _: bool| meta::name::dns1123_subdomain(name);
    let rules = meta::validation::MetaRules {
        namespaced: true,
        name: &name,
        known_finalizers: true,
    };
    metadata(scale).map_or_else(Vec::new, |of_scale| {
        meta::validation::object_meta(&meta::Path::new("metadata"), of_scale, &rules)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_shows_its_scale_and_takes_one() {
        let mut object = json!({
            "metadata": {"name": "d", "namespace": "n", "labels": {"x": "y"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}},
            "status": {"replicas": 1},
        });
        let scale = read(&object, label_selector_text);
        assert_eq!(
            scale,
            json!({
                "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "d", "namespace": "n"},
                "spec": {"replicas": 2}, "status": {"replicas": 1, "selector": "a=b"},
            })
        );
        write(&mut object, &json!({"spec": {"replicas": 5}})).expect("a good scale");
        assert_eq!(object["spec"]["replicas"], 5);
        write(&mut object, &json!({})).expect("nothing is zero");
        assert_eq!(object["spec"]["replicas"], 0);
        let refused = write(&mut object, &json!({"spec": {"replicas": -1}})).expect_err("a negative scale");
        assert!(
            refused.message.contains("must be greater than or equal to 0"),
            "{}",
            refused.message
        );
        let wrong = json!({"metadata": {"name": "d", "namespace": "n", "labels": {"a b": "c"}}, "spec": {"replicas": 1}});
        let refused = write(&mut object, &wrong).expect_err("a wrong label");
        assert!(
            refused
                .message
                .starts_with(r#"Scale.autoscaling "d" is invalid: metadata.labels: Invalid value: "a b""#),
            "{}",
            refused.message
        );
    }
}
