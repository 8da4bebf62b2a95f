//! What is wrong with what policies of either kind have.

use meta::name;
use serde_json::Value;

use super::Change;
use crate::admissionregistration::expressions::{Expressions, Uses, Variables};
use crate::admissionregistration::rules;
use crate::toolkit::{Field, same_field};

/// What expressions of a policy may use.
pub(super) fn uses(spec: &Field) -> Uses {
    Uses {
        parameters: spec.child("paramKind").is_set(),
        authorizer: true,
        changes: false,
    }
}

/// Whether match conditions mean what they meant before. They are not looked at again.
pub(super) fn keeps_conditions(new: &Value, old: &Value) -> bool {
    let (new, old) = (&new["spec"], &old["spec"]);
    same_field(new, old, "paramKind") && same_field(new, old, "matchConditions")
}

/// Checks what comes before the expressions that judge or change; gives the variables that those may use.
pub(super) fn rules(spec: &Field, change: Change, mutates: bool) -> Variables {
    spec.child("failurePolicy").any_of_if_set(&["Fail", "Ignore"]);
    let kind = spec.child("paramKind");
    if kind.is_set() {
        param_kind(&kind);
    }
    let matches = spec.child("matchConstraints");
    if matches.is_set() {
        rules::match_resources(&matches);
        let resources = matches.child("resourceRules");
        if resources.is_empty() {
            resources.required("");
        }
        if mutates {
            rules::no_deletion(&matches);
        }
    } else {
        matches.required("");
    }
    if !change.keeps_conditions {
        rules::match_conditions(&spec.child("matchConditions"), uses(spec));
    }
    variables(&spec.child("variables"), uses(spec))
}

fn param_kind(kind: &Field) {
    api_version(&kind.child("apiVersion"));
    let kind = kind.child("kind");
    let problems = name::dns1035_label(&kind.text().to_lowercase());
    if kind.is_empty() {
        kind.required("");
    } else if !problems.is_empty() {
        kind.invalid(&format!(
            "may have mixed case, but should otherwise match: {}",
            problems.join(",")
        ));
    }
}

fn api_version(field: &Field) {
    let text = field.text();
    let (group, version) = match text.matches('/').count() {
        _ if text.is_empty() => return field.required(""),
        0 => ("", text),
        1 => text.split_once('/').unwrap_or(("", text)),
        _ => return field.invalid(&format!("unexpected GroupVersion string: {text}")),
    };
    let problems = name::dns1123_subdomain(group);
    if !group.is_empty() && !problems.is_empty() {
        field.invalid_as(group, &problems.join(","));
    }
    if version.is_empty() {
        return field.invalid("version must be specified");
    }
    let problems = name::dns1035_label(version);
    if !problems.is_empty() {
        field.invalid_as(version, &problems.join(","));
    }
}

fn variables(list: &Field, uses: Uses) -> Variables {
    let mut variables = Variables::of(&Expressions::new(uses));
    for variable in list.items() {
        let (name, expression) = (variable.child("name"), variable.child("expression"));
        if name.text().trim().is_empty() {
            name.required("name is not specified");
        } else if !is_identifier(name.text()) {
            name.invalid("must be a valid CEL identifier");
        }
        if expression.text().trim().is_empty() {
            expression.required("expression is not specified");
        } else if let Err(why) = variables.add(name.text(), expression.text()) {
            why.tell(&expression, expression.text());
        }
    }
    variables
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
        && !cel::words::is_no_name(name)
}
