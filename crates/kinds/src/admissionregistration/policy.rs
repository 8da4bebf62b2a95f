//! Admission policies.

mod common;
mod mutations;
mod status;
mod validations;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use super::rules;
use crate::room::{keep_metadata, room, status_and_metadata_apart};
use crate::toolkit::Report;
use crate::toolkit::columns::{AGE, NAME, created, integer, list, name, text};
use crate::toolkit::defaults::{object_at, object_in, when_missing};

room! {
    /// When a request is good, in expressions.
    ValidatingAdmissionPolicy
}

room! {
    /// What is changed in what a request brings, in expressions.
    MutatingAdmissionPolicy
}

/// What a change leaves as it was.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    keeps_conditions: bool,
}

impl Change {
    fn of(new: &Value, old: &Value) -> Self {
        Self {
            keeps_conditions: common::keeps_conditions(new, old),
        }
    }
}

impl ValidatingAdmissionPolicy {
    fn problems(&self, object: &Value, change: Change) -> ErrorList {
        Report::of(self.0.schema, object, |policy| {
            let spec = policy.child("spec");
            let variables = common::rules(&spec, change, false);
            let metadata = policy.child("metadata");
            validations::rules(metadata.text_of("name"), &spec, &variables);
        })
    }
}

impl MutatingAdmissionPolicy {
    fn problems(&self, object: &Value, change: Change) -> ErrorList {
        Report::of(self.0.schema, object, |policy| {
            let spec = policy.child("spec");
            let variables = common::rules(&spec, change, true);
            mutations::rules(&spec, &variables);
        })
    }
}

impl Strategy for ValidatingAdmissionPolicy {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn default(&self, object: &mut Value) {
        defaults(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({});
    }

    fn validate(&self, object: &Value) -> ErrorList {
        self.problems(object, Change::default())
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        self.problems(new, Change::of(new, old))
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |policy| {
            status::rules(&policy.child("status"))
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(rules::image(object))
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        keep_metadata(new, old);
    }

    fn status_apply_creates(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_and_metadata_apart(subresource)
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        columns(
            "Validations",
            "Validations indicates the number of validation rules defined in this configuration",
        )
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        row(object, "validations", now)
    }
}

impl Strategy for MutatingAdmissionPolicy {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn default(&self, object: &mut Value) {
        defaults(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        self.problems(object, Change::default())
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        self.problems(new, Change::of(new, old))
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(rules::image(object))
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        columns(
            "Mutations",
            "Mutation indicates the number of mutations rules defined in this configuration",
        )
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        row(object, "mutations", now)
    }
}

fn defaults(object: &mut Value) {
    let Some(spec) = object_at(object, &["spec"]) else {
        return;
    };
    when_missing(spec, "failurePolicy", "Fail");
    if let Some(matches) = object_in(spec, "matchConstraints") {
        rules::match_defaults(matches);
    }
}

fn columns(what: &'static str, description: &'static str) -> Vec<Column> {
    vec![
        NAME,
        integer(what, description),
        Column::string(
            "ParamKind",
            "ParamKind specifies the kind of resources used to parameterize this policy",
        ),
        AGE,
    ]
}

fn row(object: &Value, what: &str, now: i64) -> Row {
    let kind = match &object["spec"]["paramKind"] {
        Value::Object(_) => format!(
            "{}/{}",
            text(object, &["spec", "paramKind", "apiVersion"]),
            text(object, &["spec", "paramKind", "kind"])
        ),
        _ => "<unset>".to_owned(),
    };
    Row {
        cells: vec![
            name(object),
            list(object, &["spec", what]).len().into(),
            kind.into(),
            created(object, now),
        ],
        ..Row::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, update_errors};
    use serde_json::{Value, json};

    fn check(spec: Value, expected: &[&str]) {
        let rule = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]});
        let mut full = json!({"matchConstraints": {"resourceRules": [rule]}});
        for (field, value) in spec.as_object().expect("fields") {
            full[field] = value.clone();
        }
        let errors = create_errors(
            "admissionregistration.k8s.io",
            "validatingadmissionpolicies",
            json!({"spec": full}),
        );
        assert_eq!(errors, expected);
    }

    #[test]
    fn policies_say_something() {
        check(json!({"validations": [{"expression": "true"}]}), &[]);
        check(
            json!({"validations": [{"expression": "true", "reason": "Unauthorized"}]}),
            &[
                r#"spec.validations[0].reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge""#,
            ],
        );
        check(
            json!({"validations": [{"expression": "object.a == 1", "messageExpression": "1"}]}),
            &[
                r#"spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int"#,
            ],
        );
        check(
            json!({"variables": [{"name": "a", "expression": "1"}], "validations": [{"expression": "variables.a"}]}),
            &[
                r#"spec.validations[0].expression: Invalid value: "variables.a": must evaluate to bool but got int"#,
            ],
        );
        check(
            json!({"matchConditions": [{"name": "a", "expression": "params.x == 1"}], "validations": [{"expression": "true"}]}),
            &[
                "spec.matchConditions[0].expression: Invalid value: \"params.x == 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^",
            ],
        );
        check(
            json!({"validations": [{"expression": " "}], "matchConstraints": null}),
            &[
                "spec.matchConstraints: Required value",
                "spec.validations[0].expression: Required value: expression is not specified",
            ],
        );
    }
    #[test]
    fn parameters_are_of_a_kind() {
        let rules = |kind: Value| json!({"paramKind": kind, "validations": [{"expression": "true"}]});
        check(rules(json!({"apiVersion": "a/v1", "kind": "Limits"})), &[]);
        check(
            rules(json!({"apiVersion": "a/b/c"})),
            &[
                r#"spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#,
                "spec.paramKind.kind: Required value",
            ],
        );
        check(
            rules(json!({"apiVersion": "a/", "kind": "Limits"})),
            &[r#"spec.paramKind.apiVersion: Invalid value: "a/": version must be specified"#],
        );
    }

    #[test]
    fn variables_are_there_if_some_are_named() {
        check(
            json!({"validations": [{"expression": "variables.a"}]}),
            &[
                "spec.validations[0].expression: Invalid value: \"variables.a\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.a\n | ^",
            ],
        );
        check(
            json!({"variables": [{"name": "in", "expression": "object"}], "validations": [{"expression": "true"}]}),
            &[r#"spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier"#],
        );
    }

    #[test]
    fn what_is_not_said_is_not_looked_at_again() {
        let policy = |expression: &str, kind: Value| {
            json!({"spec": {
                "matchConstraints": {"resourceRules": [{
                    "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                }]},
                "paramKind": kind,
                "matchConditions": [{"name": "a", "expression": expression}],
                "validations": [{"expression": "true"}],
            }})
        };
        let kind = json!({"apiVersion": "v1", "kind": "ConfigMap"});
        let errors = |old: &Value| {
            let new = policy("1", kind.clone());
            update_errors(
                "admissionregistration.k8s.io",
                "validatingadmissionpolicies",
                &new,
                old,
            )
            .len()
        };
        assert_eq!(errors(&policy("1", kind.clone())), 0);
        assert_eq!(errors(&policy("true", kind.clone())), 1);
        assert_eq!(errors(&policy("1", Value::Null)), 1);
    }
}
