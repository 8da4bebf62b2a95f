//! A rule of a role, and what it allows.

use std::fmt;

use meta::quote::quote;
use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, ResourceTarget, Target};

/// A rule of a role: verbs on resources, or verbs on paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    /// Verbs; `*` for all.
    pub verbs: Vec<String>,
    /// API groups; `*` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources, `pods/log` for a subresource, `*/log` for that subresource of any; `*` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names the rule is limited to; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths; a `*` at the end stands for any rest.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
}

impl PolicyRule {
    /// Whether the rule allows what is asked.
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        has(&self.verbs, attributes.verb)
            && match attributes.target {
                Target::Path(path) => self.allows_path(path),
                Target::Resource(target) => self.allows_resource(&target),
            }
    }

    fn allows_resource(&self, target: &ResourceTarget<'_>) -> bool {
        has(&self.api_groups, target.group)
            && (self.resources.iter()).any(|r| resource_matches(r, target.resource, target.subresource))
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|n| n == target.name))
    }

    fn allows_path(&self, path: &str) -> bool {
        self.non_resource_urls
            .iter()
            .any(|pattern| path_matches(pattern, path))
    }
}

/// Whether the list has the value, or everything.
pub(crate) fn has(list: &[String], value: &str) -> bool {
    list.iter().any(|item| item == "*" || item == value)
}

fn resource_matches(rule: &str, resource: &str, subresource: &str) -> bool {
    if rule == "*" {
        return true;
    }
    match rule.split_once('/') {
        None => subresource.is_empty() && rule == resource,
        Some((parent, below)) => {
            !subresource.is_empty() && below == subresource && (parent == "*" || parent == resource)
        }
    }
}

/// Whether a path falls under a pattern.
pub(crate) fn path_matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

/// As upstream's denials show a rule: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`.
impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let shown: Vec<String> = parts
            .iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| format!("{name}:{}", quoted_list(values)))
            .collect();
        write!(f, "{{{}}}", shown.join(", "))
    }
}

/// `["a" "b"]`.
pub(crate) fn quoted_list(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| quote(value)).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use meta::User;

    use super::*;

    fn rule(text: &str) -> PolicyRule {
        serde_json::from_str(text).expect("a rule")
    }

    #[test]
    fn a_rule_allows_what_it_names() {
        let pods = r#"{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]}"#;
        let log =
            r#"{"verbs": ["*"], "apiGroups": ["*"], "resources": ["pods/log"], "resourceNames": ["p"]}"#;
        let all = r#"{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}"#;
        // verb, group, resource, subresource, name
        let cases = [
            (pods, ["get", "", "pods", "", "x"], true),
            (pods, ["get", "", "pods", "", ""], true),
            (pods, ["delete", "", "pods", "", "x"], false),
            (pods, ["*", "", "pods", "", "x"], false),
            (pods, ["get", "apps", "pods", "", "x"], false),
            (pods, ["get", "", "pods", "log", "x"], false),
            (pods, ["get", "", "anything", "scale", "x"], true),
            (pods, ["get", "", "scale", "", "x"], false),
            (log, ["get", "", "pods", "log", "p"], true),
            (log, ["create", "x", "pods", "log", "p"], true),
            (log, ["get", "", "pods", "log", "q"], false),
            (log, ["get", "", "pods", "log", ""], false),
            (log, ["get", "", "pods", "", "p"], false),
            (all, ["impersonate", "a", "b", "c", "d"], true),
        ];
        let user = User::default();
        for (text, [verb, group, resource, subresource, name], wanted) in cases {
            let target = ResourceTarget {
                group,
                resource,
                subresource,
                name,
                ..ResourceTarget::default()
            };
            let attributes = Attributes::resource(&user, verb, target);
            assert_eq!(rule(text).allows(&attributes), wanted, "{text}: {attributes}");
            assert!(!rule(text).allows(&Attributes::path(&user, verb, "/pods")));
        }
    }

    #[test]
    fn a_rule_allows_paths_by_their_beginning() {
        let paths = r#"{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/healthz/*", "/api*"]}"#;
        let user = User::default();
        for (path, wanted) in [
            ("/healthz", true),
            ("/healthz/etcd", true),
            ("/healthzz", false),
            ("/api", true),
            ("/apis/apps", true),
            ("/", false),
        ] {
            assert_eq!(
                rule(paths).allows(&Attributes::path(&user, "get", path)),
                wanted,
                "{path}"
            );
            assert!(!rule(paths).allows(&Attributes::path(&user, "post", path)));
        }
        let everything = rule(r#"{"verbs": ["*"], "nonResourceURLs": ["*"]}"#);
        assert!(everything.allows(&Attributes::path(&user, "post", "/x")));
    }

    #[test]
    fn rules_are_shown_as_upstream_shows_them() {
        for (text, shown) in [
            (
                r#"{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}"#,
                r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get" "list"]}"#,
            ),
            (
                r#"{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}"#,
                r#"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#,
            ),
        ] {
            assert_eq!(rule(text).to_string(), shown);
        }
    }
}
