//! Bindings of admission policies.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::rules;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::defaults::{object_at, object_in};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// Where a policy of validation holds, and what follows from it.
    ValidatingAdmissionPolicyBinding
}

room! {
    /// Where a policy of change holds.
    MutatingAdmissionPolicyBinding
}

const ACTIONS: &[&str] = &["Audit", "Deny", "Warn"];

macro_rules! binding {
    ($room:ident, $acts:expr) => {
        impl Strategy for $room {
            fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
                MetadataChecks::AS_NEW
            }

            fn allows_any_finalizer(&self) -> bool {
                true
            }

            fn default(&self, object: &mut Value) {
                let spec = object_at(object, &["spec"]);
                if let Some(matches) = spec.and_then(|spec| object_in(spec, "matchResources")) {
                    rules::match_defaults(matches);
                }
            }

            fn validate(&self, object: &Value) -> ErrorList {
                Report::of(self.0.schema, object, |binding| {
                    let spec = binding.child("spec");
                    common(&spec);
                    if $acts {
                        actions(&spec.child("validationActions"));
                    } else {
                        rules::no_deletion(&spec.child("matchResources"));
                    }
                })
            }

            fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
                Some(rules::image(object))
            }

            fn allows_unconditional_update(&self) -> bool {
                false
            }

            fn columns(&self) -> Vec<Column> {
                vec![
                    NAME,
                    Column::string(
                        "PolicyName",
                        "PolicyName indicates the policy definition which the policy binding binded to",
                    ),
                    Column::string(
                        "ParamRef",
                        "ParamRef indicates the param resource which sets the configuration param",
                    ),
                    AGE,
                ]
            }

            fn row(&self, object: &Value, now: i64) -> Row {
                row(object, now)
            }
        }
    };
}

binding!(ValidatingAdmissionPolicyBinding, true);
binding!(MutatingAdmissionPolicyBinding, false);

fn row(binding: &Value, now: i64) -> Row {
    let reference = |field: &str| text(binding, &["spec", "paramRef", field]);
    let parameters = match (&binding["spec"]["paramRef"], reference("namespace")) {
        (Value::Object(_), "") => format!("*/{}", reference("name")),
        (Value::Object(_), namespace) => format!("{namespace}/{}", reference("name")),
        _ => "<unset>".to_owned(),
    };
    Row {
        cells: vec![
            name(binding),
            text(binding, &["spec", "policyName"]).into(),
            parameters.into(),
            created(binding, now),
        ],
        ..Row::default()
    }
}

fn common(spec: &Field) {
    let policy = spec.child("policyName");
    if policy.is_empty() {
        policy.required("");
    } else {
        policy.dns_subdomain();
    }
    let reference = spec.child("paramRef");
    if reference.is_set() {
        param_ref(&reference);
    }
    let matches = spec.child("matchResources");
    if matches.is_set() {
        rules::match_resources(&matches);
    }
}

fn param_ref(reference: &Field) {
    let (name, selector) = (reference.child("name"), reference.child("selector"));
    if !name.is_empty() {
        name.complain(meta::name::path_segment(name.text()));
        if selector.is_set() {
            name.forbidden("name and selector are mutually exclusive");
        }
    }
    if selector.is_set() {
        selector.label_selector();
        if !name.is_empty() {
            selector.forbidden("name and selector are mutually exclusive");
        }
    }
    if name.is_empty() && !selector.is_set() {
        reference.required("one of name or selector must be specified");
    }
    let action = reference.child("parameterNotFoundAction");
    if !action.is_empty() {
        action.any_of(&["Deny", "Allow"]);
    } else {
        action.required("");
    }
}

fn actions(actions: &Field) {
    if actions.is_empty() {
        return actions.required("at least one validation action is required");
    }
    let mut seen = Seen::new();
    for action in actions.items() {
        action.any_of(ACTIONS);
        if seen.again(action.text()) {
            action.duplicate();
        }
    }
    let has = |wanted: &str| actions.texts().any(|action| action == wanted);
    if has("Deny") && has("Warn") {
        actions.invalid("must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors};
    use serde_json::{Value, json};

    const GROUP: &str = "admissionregistration.k8s.io";

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(
            create_errors(GROUP, "validatingadmissionpolicybindings", json!({"spec": spec})),
            expected
        );
    }

    #[test]
    fn bindings_act() {
        check(json!({"policyName": "p", "validationActions": ["Deny"]}), &[]);
        check(
            json!({"policyName": "", "validationActions": []}),
            &[
                "spec.policyName: Required value",
                "spec.validationActions: Required value: at least one validation action is required",
            ],
        );
    }

    #[test]
    fn a_row_names_the_parameters() {
        let binding = json!({"spec": {"policyName": "p", "paramRef": {"name": "x"}}});
        assert_eq!(
            cells(GROUP, "validatingadmissionpolicybindings", &binding)[1..3],
            ["p", "*/x"]
        );
    }
}
