//! Expressions of a policy checked against the kinds it is about. What is wrong there is no error of the policy, since it may be
//! about other kinds, too: its author is told.

use std::collections::BTreeSet;

use cel::Declaration;
use meta::{GroupVersion, GroupVersionKind};
use serde_json::Value;

use super::declared;
use super::{Expressions, Uses};

/// No more kinds are looked at.
const MAX_KINDS: usize = 10;

/// What is wrong with one expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where the expression stands: `spec.validations[0].expression`.
    pub field: String,
    /// For each kind that it does not fit, why.
    pub text: String,
}

/// Checks the validations of a policy against the built-in kinds that its rules name.
pub fn type_check(spec: &Value) -> Vec<Warning> {
    let environments: Vec<(String, Expressions)> = kinds(spec)
        .into_iter()
        .filter_map(|(group, version, kind)| {
            let kind = GroupVersionKind {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
            };
            let object = declared::object(schema::builtin(&kind)?);
            let slash = if kind.group.is_empty() { "/" } else { "" };
            let shown = format!("{slash}{}, Kind={}", kind.api_version(), kind.kind);
            Some((shown, typed(spec, object)))
        })
        .collect();
    let mut warnings = Vec::new();
    for (place, validation) in list(&spec["validations"]).iter().enumerate() {
        for field in ["expression", "messageExpression"] {
            let Some(expression) = validation[field].as_str().filter(|text| !text.is_empty()) else {
                continue;
            };
            let problems = environments.iter().filter_map(|(kind, expressions)| {
                let problem = expressions.environment.compile(expression).err()?;
                Some(format!("{kind}: {problem}"))
            });
            let problems: Vec<String> = problems.collect();
            if !problems.is_empty() {
                warnings.push(Warning {
                    field: format!("spec.validations[{place}].{field}"),
                    text: problems.join("\n"),
                });
            }
        }
    }
    warnings
}

/// The kinds of the resources that rules name, in order. Wildcards and what lies below objects name none.
fn kinds(spec: &Value) -> Vec<(String, String, String)> {
    let mut found = BTreeSet::new();
    for rule in list(&spec["matchConstraints"]["resourceRules"]) {
        let names = |field: &str, name: &str| list(&rule[field]).iter().any(|listed| listed == name);
        for (version, resource) in schema::resources() {
            let is_named = names("apiGroups", version.group)
                && names("apiVersions", version.version)
                && names("resources", resource.plural);
            if is_named {
                found.insert((
                    version.group.to_owned(),
                    version.version.to_owned(),
                    resource.kind.to_owned(),
                ));
            }
        }
    }
    found.into_iter().take(MAX_KINDS).collect()
}

/// What expressions of the policy may use where objects are of that type. Variables that do not fit are not known.
fn typed(spec: &Value, object: Declaration) -> Expressions {
    let kind = &spec["paramKind"];
    let base = Expressions::new(Uses {
        parameters: !kind.is_null(),
        authorizer: true,
        changes: false,
    });
    let mut environment = base
        .environment
        .variable("object", object.clone())
        .variable("oldObject", object);
    let version = GroupVersion::parse(kind["apiVersion"].as_str().unwrap_or_default());
    let of_kind = version.map(|version| version.kind(kind["kind"].as_str().unwrap_or_default().to_owned()));
    if let Some(parameters) = of_kind.and_then(|kind| schema::builtin(&kind)) {
        environment = environment.variable("params", declared::object(parameters));
    }
    let mut variables = super::Variables::of(&Expressions { environment });
    for variable in list(&spec["variables"]) {
        let text = |field: &str| variable[field].as_str().unwrap_or_default();
        // Whether a variable is good by itself was checked when the policy was written.
        let _ = variables.add(text("name"), text("expression"));
    }
    variables.expressions
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expression: &str, expected: &[&str]) {
        let rule = json!({
            "operations": ["CREATE"], "apiGroups": ["apps", ""], "apiVersions": ["v1"],
            "resources": ["deployments", "configmaps", "pods/status", "*"],
        });
        let spec = json!({
            "matchConstraints": {"resourceRules": [rule]},
            "variables": [{"name": "labels", "expression": "object.metadata.labels"}],
            "validations": [{"expression": expression}],
        });
        let found: Vec<String> = type_check(&spec)
            .into_iter()
            .map(|warning| warning.text)
            .collect();
        assert_eq!(found, expected, "{expression}");
    }

    #[test]
    fn expressions_are_checked_against_the_kinds_that_are_named() {
        check("object.metadata.name.startsWith('a') && oldObject == null", &[]);
        check("variables.labels['a'] == 'b'", &[]);
        check(
            "object.spec.replicas > 1",
            &[
                "/v1, Kind=ConfigMap: ERROR: <input>:1:7: undefined field 'spec'\n | object.spec.replicas > 1\n | ......^",
            ],
        );
        check(
            "object.data['a'] == 'b' && object.spec.replicas > 1",
            &[
                "/v1, Kind=ConfigMap: ERROR: <input>:1:34: undefined field 'spec'\n | object.data['a'] == 'b' && \
                 object.spec.replicas > 1\n | .................................^\napps/v1, Kind=Deployment: ERROR: \
                 <input>:1:7: undefined field 'data'\n | object.data['a'] == 'b' && object.spec.replicas > 1\n | \
                 ......^",
            ],
        );
    }
}
