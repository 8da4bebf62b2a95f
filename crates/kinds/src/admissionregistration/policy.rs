//! Admission policies.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use super::expressions::{Expressions, Gives, Uses, Variables};
use super::rules;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, integer, list, name, text};
use crate::toolkit::defaults::{object_at, object_in, when_missing};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// When a request is good, in expressions.
    ValidatingAdmissionPolicy
}

room! {
    /// What is changed in what a request brings, in expressions.
    MutatingAdmissionPolicy
}

const MAX_MESSAGE: usize = 5 * 1024;
const AT_LEAST_ONE: &str =
    "validations or auditAnnotations must be non-empty; at least one of them must be present";

impl Strategy for ValidatingAdmissionPolicy {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
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
        Report::of(self.0.schema, object, |policy| {
            let spec = policy.child("spec");
            let variables = common(&spec);
            validations(&spec, &variables);
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(rules::image(object))
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
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
        MetadataChecks::AS_CHANGE
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn default(&self, object: &mut Value) {
        defaults(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |policy| {
            let spec = policy.child("spec");
            let variables = common(&spec);
            mutations(&spec, &variables);
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(rules::image(object))
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

/// What expressions of a policy may use.
fn uses(spec: &Field) -> Uses {
    Uses {
        parameters: spec.child("paramKind").is_set(),
        authorizer: true,
        changes: false,
    }
}

/// Checks what policies of either kind have; gives the variables that the expressions of the rest may use.
fn common(spec: &Field) -> Variables {
    spec.child("failurePolicy").any_of_if_set(&["Fail", "Ignore"]);
    let kind = spec.child("paramKind");
    if kind.is_set() {
        for field in ["apiVersion", "kind"] {
            kind.child(field).needed();
        }
    }
    let matches = spec.child("matchConstraints");
    if matches.is_set() {
        rules::match_resources(&matches);
        let resources = matches.child("resourceRules");
        if resources.is_empty() {
            resources.required("");
        }
    } else {
        matches.required("");
    }
    rules::match_conditions(&spec.child("matchConditions"), uses(spec));
    let mut variables = Variables::of(&Expressions::new(uses(spec)));
    let mut names = Seen::new();
    for variable in spec.child("variables").items() {
        let (name, expression) = (variable.child("name"), variable.child("expression"));
        if name.is_empty() {
            name.required("name is not specified");
        } else {
            name.complain(meta::name::c_identifier(name.text()));
            if names.again(name.text()) {
                name.duplicate();
            }
        }
        if expression.text().trim().is_empty() {
            expression.required("expression is not specified");
        } else if let Err(why) = variables.add(name.text(), expression.text()) {
            expression.invalid(&why);
        }
    }
    variables
}

fn validations(spec: &Field, variables: &Variables) {
    let messages = Uses {
        authorizer: false,
        ..uses(spec)
    };
    let messages = variables.with(&Expressions::new(messages));
    let (validations, annotations) = (spec.child("validations"), spec.child("auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        validations.required(AT_LEAST_ONE);
        annotations.required(AT_LEAST_ONE);
    }
    for validation in validations.items() {
        let (expression, message) = (validation.child("expression"), validation.child("message"));
        if expression.text().trim().is_empty() {
            expression.required("expression is not specified");
        } else {
            rules::compiles(&expression, &variables.expressions, Gives::Truth);
        }
        let told = validation.child("messageExpression");
        if !told.is_empty() {
            rules::compiles(&told, &messages, Gives::Text);
        }
        if !message.is_empty() && message.text().trim().is_empty() {
            message.invalid("message must be non-empty if specified");
        } else if message.text().trim().contains('\n') {
            message.invalid("message must not contain line breaks");
        } else if message.text().len() > MAX_MESSAGE {
            message.too_long(MAX_MESSAGE);
        } else if expression.text().trim().contains('\n') && message.is_empty() {
            message.required("message must be specified if expression contains line breaks");
        }
        validation
            .child("reason")
            .any_of_if_set(&["Forbidden", "Invalid", "RequestEntityTooLarge"]);
    }
    let mut keys = Seen::new();
    for annotation in annotations.items() {
        let (key, expression) = (annotation.child("key"), annotation.child("valueExpression"));
        if key.is_empty() {
            key.required("");
        } else {
            key.qualified_name();
            if keys.again(key.text()) {
                key.duplicate();
            }
        }
        if expression.text().trim().is_empty() {
            expression.required("valueExpression is not specified");
        } else {
            rules::compiles(&expression, &variables.expressions, Gives::TextOrNull);
        }
    }
}

fn mutations(spec: &Field, variables: &Variables) {
    let changes = Uses {
        changes: true,
        ..uses(spec)
    };
    let changes = variables.with(&Expressions::new(changes));
    let mutations = spec.child("mutations");
    if mutations.is_empty() {
        mutations.required("mutations must contain at least one item");
    }
    spec.child("reinvocationPolicy").one_of(&["IfNeeded", "Never"]);
    for mutation in mutations.items() {
        let kind = mutation.child("patchType");
        let (apply, patch) = (mutation.child("applyConfiguration"), mutation.child("jsonPatch"));
        match kind.text() {
            "ApplyConfiguration" => {
                if apply.is_set() {
                    change(&apply, &changes, Gives::Object);
                } else {
                    apply.required("must be specified when patchType is ApplyConfiguration");
                }
                if patch.is_set() {
                    patch.forbidden("must not specify jsonPatch when patchType is ApplyConfiguration");
                }
            }
            "JSONPatch" => {
                if patch.is_set() {
                    change(&patch, &changes, Gives::Patches);
                } else {
                    patch.required("must be specified when patchType is JSONPatch");
                }
                if apply.is_set() {
                    apply.forbidden("must not specify applyConfiguration when patchType is JSONPatch");
                }
            }
            "" => kind.required(""),
            _ => kind.not_supported(&["ApplyConfiguration", "JSONPatch"]),
        }
    }
}

fn change(holder: &Field, expressions: &Expressions, gives: Gives) {
    let expression = holder.child("expression");
    if expression.text().trim().is_empty() {
        expression.required("expression is not specified");
    } else {
        rules::compiles(&expression, expressions, gives);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
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
            &[r#"spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string"#],
        );
        check(
            json!({"variables": [{"name": "a", "expression": "1"}], "validations": [{"expression": "variables.a"}]}),
            &[r#"spec.validations[0].expression: Invalid value: "variables.a": must evaluate to bool"#],
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
}
