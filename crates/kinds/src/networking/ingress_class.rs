//! Ingress classes.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::ingress::reference;
use crate::room::room;
use crate::toolkit::checks::IMMUTABLE;
use crate::toolkit::columns::{AGE, NAME, created, name, or_none, text};
use crate::toolkit::defaults::{object_at, object_in, when_missing};
use crate::toolkit::{Field, Report};

room! {
    /// Which controller serves ingresses.
    IngressClass
}

const MAX_CONTROLLER: usize = 250;

impl Strategy for IngressClass {
    fn default(&self, object: &mut Value) {
        if let Some(parameters) = object_at(object, &["spec"]).and_then(|spec| object_in(spec, "parameters"))
        {
            when_missing(parameters, "scope", "Cluster");
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |class| {
            let spec = class.child("spec");
            let controller = spec.child("controller");
            if controller.text() != text(old, &["spec", "controller"]) {
                controller.invalid_as(controller.text(), IMMUTABLE);
            }
            rules(class);
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string(
                "Controller",
                "Controller that is responsible for handling this class",
            ),
            Column::string(
                "Parameters",
                "A reference to a resource with additional parameters",
            ),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let parameter = |field: &str| text(object, &["spec", "parameters", field]);
        let mut parameters = parameter("kind").to_owned();
        if !parameter("apiGroup").is_empty() {
            parameters = format!("{parameters}.{}", parameter("apiGroup"));
        }
        if !parameters.is_empty() {
            parameters = format!("{parameters}/{}", parameter("name"));
        }
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "controller"]).into(),
                or_none(&parameters),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(class: &Field) {
    let spec = class.child("spec");
    let controller = spec.child("controller");
    if controller.text().len() > MAX_CONTROLLER {
        controller.too_long(MAX_CONTROLLER);
    }
    controller.domain_prefixed_path();
    let parameters = spec.child("parameters");
    if !parameters.is_set() {
        return;
    }
    reference(&parameters);
    let namespace = parameters.child("namespace");
    match parameters.text_of("scope") {
        _ if !parameters.child("scope").is_set() => parameters.child("scope").required(""),
        "Namespace" => {
            if !namespace.is_set() {
                namespace.required("`parameters.scope` is set to 'Namespace'");
            } else {
                namespace.dns_label();
            }
        }
        "Cluster" => {
            if namespace.is_set() {
                namespace.forbidden("`parameters.scope` is set to 'Cluster'");
            }
        }
        _ => parameters.child("scope").not_supported(&["Cluster", "Namespace"]),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("networking.k8s.io", "ingressclasses", json!({"spec": spec})),
            expected
        );
    }

    #[test]
    fn parameters_have_their_place() {
        check(json!({"controller": "a.b/c"}), &[]);
        check(
            json!({"controller": "a.b/c", "parameters": {"kind": "A", "name": "b", "scope": "Namespace"}}),
            &["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        );
        check(
            json!({"controller": "a.b/c", "parameters": {"kind": "A", "name": "b", "namespace": "n"}}),
            &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        );
    }
}
