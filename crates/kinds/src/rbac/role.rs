//! Roles, in a namespace and in the cluster.

use meta::ErrorList;
use resource::Strategy;
use serde_json::Value;

use super::name_complaints;
use crate::room::room;
use crate::toolkit::defaults::null_if_empty;
use crate::toolkit::{Field, Report};

room! {
    /// What may be done in a namespace.
    Role
}

room! {
    /// What may be done in the whole cluster.
    ClusterRole
}

impl Strategy for Role {
    fn prepare_for_create(&self, object: &mut Value) {
        null_if_empty(object, "rules");
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        null_if_empty(new, "rules");
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |role| {
            for rule in role.child("rules").items() {
                self::rule(&rule, true);
            }
        })
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        name_complaints(name, prefix)
    }
}

impl Strategy for ClusterRole {
    fn prepare_for_create(&self, object: &mut Value) {
        null_if_empty(object, "rules");
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        null_if_empty(new, "rules");
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |role| {
            for rule in role.child("rules").items() {
                self::rule(&rule, false);
            }
            aggregation(&role.child("aggregationRule"));
        })
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        name_complaints(name, prefix)
    }
}

fn rule(rule: &Field, is_namespaced: bool) {
    let verbs = rule.child("verbs");
    if verbs.is_empty() {
        verbs.required("verbs must contain at least one value");
    }
    let (groups, resources, names) = (
        rule.child("apiGroups"),
        rule.child("resources"),
        rule.child("resourceNames"),
    );
    let urls = rule.child("nonResourceURLs");
    if !urls.is_empty() {
        if is_namespaced {
            urls.invalid("namespaced rules cannot apply to non-resource URLs");
        }
        if !groups.is_empty() || !resources.is_empty() || !names.is_empty() {
            urls.invalid("rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if groups.is_empty() {
        groups.required("resource rules must supply at least one api group");
    }
    if resources.is_empty() {
        resources.required("resource rules must supply at least one resource");
    }
}

/// A role that is made of others.
fn aggregation(rule: &Field) {
    if !rule.is_set() {
        return;
    }
    let selectors = rule.child("clusterRoleSelectors");
    if selectors.is_empty() {
        return selectors.required("at least one clusterRoleSelector required if aggregationRule is non-nil");
    }
    for selector in selectors.items() {
        let before = selector.report().count();
        selector.label_selector();
        if selector.report().count() > before {
            selector.invalid_as(Value::Null, "invalid label selector.");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(plural: &str, rule: Value, expected: &[&str]) {
        assert_eq!(
            create_errors(super::super::GROUP, plural, json!({"rules": [rule]})),
            expected
        );
    }

    #[test]
    fn rules_are_complete() {
        check(
            "roles",
            json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}),
            &[],
        );
        check(
            "roles",
            json!({}),
            &[
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
            ],
        );
    }

    #[test]
    fn urls_are_the_clusters() {
        let rule = json!({"verbs": ["get"], "nonResourceURLs": ["/x"]});
        check("clusterroles", rule.clone(), &[]);
        check(
            "roles",
            rule,
            &[
                r#"rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs"#,
            ],
        );
    }
}
