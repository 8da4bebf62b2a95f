//! Expressions of a policy checked against the kinds it is about. What is wrong there is no error of the policy, since it may be
//! about other kinds, too: its author is told.

use std::collections::BTreeSet;

use cel::Declaration;
use meta::{GroupVersion, GroupVersionKind};
use schema::served::GroupVersionFacts;
use serde_json::Value;

use super::custom_kind::CustomKind;
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

/// The versions of groups that are not built in, in which a policy names kinds.
pub fn custom_versions(spec: &Value) -> BTreeSet<GroupVersion> {
    let named = list(&spec["matchConstraints"]["resourceRules"])
        .iter()
        .flat_map(named_versions);
    let parameters = GroupVersion::parse(spec["paramKind"]["apiVersion"].as_str().unwrap_or_default());
    let is_custom = |version: &GroupVersion| {
        !version.group.is_empty() && !schema::resources().any(|(known, _)| is_in(version, known))
    };
    named
        .chain(parameters)
        .filter(is_custom)
        .take(MAX_KINDS)
        .collect()
}

fn is_in(version: &GroupVersion, known: &GroupVersionFacts) -> bool {
    version.group == known.group && version.version == known.version
}

/// Checks the validations of a policy against the kinds that its rules name, built in or among `custom`.
pub fn type_check(spec: &Value, custom: &[CustomKind]) -> Vec<Warning> {
    let environments: Vec<(String, Expressions)> = kinds(spec, custom)
        .into_iter()
        .filter_map(|kind| {
            let object = declared_as(&kind, custom)?;
            let slash = if kind.group.is_empty() { "/" } else { "" };
            let shown = format!("{slash}{}, Kind={}", kind.api_version(), kind.kind);
            Some((shown, typed(spec, object, custom)))
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
                Some(format!("{kind}: {problem}\n"))
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

fn declared_as(kind: &GroupVersionKind, custom: &[CustomKind]) -> Option<Declaration> {
    if let Some(builtin) = schema::builtin(kind) {
        return Some(declared::object(builtin));
    }
    let found = custom.iter().find(|custom| custom.kind == *kind)?;
    Some(found.object.clone())
}

/// The group versions that a rule names. One with a wildcard in either names none.
fn named_versions(rule: &Value) -> Vec<GroupVersion> {
    let names = |field: &str| {
        let names = list(&rule[field]).iter().filter_map(Value::as_str);
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let (groups, versions) = (names("apiGroups"), names("apiVersions"));
    if groups.iter().chain(&versions).any(|name| name.contains('*')) {
        return Vec::new();
    }
    let version = |group: &String, version: &String| GroupVersion {
        group: group.clone().into(),
        version: version.clone().into(),
    };
    groups
        .iter()
        .flat_map(|group| versions.iter().map(move |of| version(group, of)))
        .collect()
}

/// The kinds of the resources that rules name, in order. Wildcards and what lies below objects name none.
fn kinds(spec: &Value, custom: &[CustomKind]) -> Vec<GroupVersionKind> {
    let mut found = BTreeSet::new();
    for rule in list(&spec["matchConstraints"]["resourceRules"]) {
        let is_named = |plural: &str| list(&rule["resources"]).iter().any(|listed| listed == plural);
        for version in named_versions(rule) {
            let builtin = schema::resources()
                .filter(|(known, resource)| is_in(&version, known) && is_named(resource.plural))
                .map(|(_, resource)| resource.kind.to_owned());
            let custom = custom
                .iter()
                .filter(|custom| custom.kind.group_version() == version && is_named(&custom.plural))
                .map(|custom| custom.kind.kind.to_string());
            found.extend(
                builtin
                    .chain(custom)
                    .map(|kind| (version.group.to_string(), version.version.to_string(), kind)),
            );
        }
    }
    let kind = |(group, version, kind): (String, String, String)| GroupVersionKind {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
    };
    found.into_iter().take(MAX_KINDS).map(kind).collect()
}

/// What expressions of the policy may use where objects are of that type. Variables that do not fit are not known.
fn typed(spec: &Value, object: Declaration, custom: &[CustomKind]) -> Expressions {
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
    if let Some(parameters) = of_kind.and_then(|kind| declared_as(&kind, custom)) {
        environment = environment.variable("params", parameters);
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
        let wild = json!({
            "operations": ["*"], "apiGroups": ["*", "batch"], "apiVersions": ["v1"], "resources": ["jobs"],
        });
        let spec = json!({
            "matchConstraints": {"resourceRules": [rule, wild]},
            "variables": [{"name": "labels", "expression": "object.metadata.labels"}],
            "validations": [{"expression": expression}],
        });
        let found: Vec<String> = type_check(&spec, &[])
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
                "/v1, Kind=ConfigMap: ERROR: <input>:1:7: undefined field 'spec'\n | object.spec.replicas > 1\n | ......^\n",
            ],
        );
        check(
            "object.data['a'] == 'b' && object.spec.replicas > 1",
            &[
                "/v1, Kind=ConfigMap: ERROR: <input>:1:34: undefined field 'spec'\n | object.data['a'] == 'b' && \
                 object.spec.replicas > 1\n | .................................^\n\napps/v1, Kind=Deployment: ERROR: \
                 <input>:1:7: undefined field 'data'\n | object.data['a'] == 'b' && object.spec.replicas > 1\n | \
                 ......^\n",
            ],
        );
    }

    #[test]
    fn kinds_that_users_define_are_known_as_they_are_published() {
        let version = GroupVersion::new("stable.example.com", "v1");
        let resources = json!({"resources": [
            {"name": "crontabs", "kind": "CronTab"}, {"name": "crontabs/status", "kind": "CronTab"}, {"name": "others", "kind": "Other"},
        ]});
        let openapi = json!({"components": {"schemas": {"com.example.stable.v1.CronTab": {
            "type": "object",
            "x-kubernetes-group-version-kind": [{"group": "stable.example.com", "version": "v1", "kind": "CronTab"}],
            "properties": {
                "apiVersion": {"type": "string"}, "kind": {"type": "string"},
                "metadata": {"allOf": [{"$ref": "#/components/schemas/ObjectMeta"}], "default": {}},
                "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
            },
        }}}});
        let custom = CustomKind::all(&version, &resources, &openapi);
        let check = |expression: &str, expected: &[&str]| {
            let spec = json!({
                "matchConstraints": {"resourceRules": [{
                    "operations": ["*"], "apiGroups": ["stable.example.com"], "apiVersions": ["v1"], "resources": ["crontabs", "others"],
                }]},
                "paramKind": {"apiVersion": "stable.example.com/v1", "kind": "CronTab"},
                "validations": [{"expression": expression}],
            });
            assert_eq!(custom_versions(&spec), BTreeSet::from([version.clone()]));
            let found: Vec<String> = type_check(&spec, &custom)
                .into_iter()
                .map(|warning| warning.text)
                .collect();
            assert_eq!(found, expected, "{expression}");
        };
        check(
            "object.spec.replicas > 1 && object.metadata.labels['a'] == 'b'",
            &[],
        );
        check("params.spec.replicas > object.spec.replicas", &[]);
        check(
            "object.spec.replicas > '1'",
            &[
                "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:22: found no matching overload for '_>_' applied to \
               '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
            ],
        );
        check(
            "params.maxRetries > 1",
            &[
                "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:7: undefined field 'maxRetries'\n | \
               params.maxRetries > 1\n | ......^\n",
            ],
        );
    }

    #[test]
    fn what_is_built_in_is_not_asked_for() {
        let rule = |groups: &[&str]| {
            json!({"matchConstraints": {"resourceRules": [{
                "apiGroups": groups, "apiVersions": ["v1", "v2"], "resources": ["deployments"],
            }]}})
        };
        let check = |groups: &[&str], expected: &[&str]| {
            let found: Vec<String> = custom_versions(&rule(groups))
                .iter()
                .map(GroupVersion::to_string)
                .collect();
            assert_eq!(found, expected, "{groups:?}");
        };
        check(&["", "apps"], &["apps/v2"]);
        check(&["x.org", "apps"], &["apps/v2", "x.org/v1", "x.org/v2"]);
        check(&["x.org", "*"], &[]);
    }
}
