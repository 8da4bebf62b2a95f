//! What policies and webhooks have in common: which requests they see.

use serde_json::{Value, json};

use super::expressions::{Expressions, Gives, Uses};
use crate::toolkit::defaults::{Object, objects, when_missing, when_missing_with};
use crate::toolkit::{Field, Seen};

const MAX_CONDITIONS: usize = 64;

/// Requests of any scope, and all objects, unless something is said.
pub fn match_defaults(matches: &mut Object) {
    when_missing(matches, "matchPolicy", "Equivalent");
    for selector in ["namespaceSelector", "objectSelector"] {
        when_missing_with(matches, selector, || json!({}));
    }
    for list in ["rules", "resourceRules", "excludeResourceRules"] {
        for rule in objects(matches, list) {
            when_missing(rule, "scope", "*");
        }
    }
}

/// Which requests: resources, policy of matching, selectors.
pub fn match_resources(matches: &Field) {
    matches
        .child("matchPolicy")
        .any_of_if_set(&["Equivalent", "Exact"]);
    matches.child("namespaceSelector").label_selector();
    matches.child("objectSelector").label_selector();
    for list in ["resourceRules", "excludeResourceRules"] {
        for rule in matches.child(list).items() {
            resource_names(&rule.child("resourceNames"));
            self::rule(&rule);
        }
    }
}

/// What is deleted is not changed.
pub fn no_deletion(matches: &Field) {
    let rules = matches.child("resourceRules");
    for rule in rules.items() {
        for operation in rule.child("operations").items() {
            // Upstream names the list of rules, not the rule.
            rules
                .standing_for("operations", operation.value())
                .any_of(&["*", "CONNECT", "CREATE", "UPDATE"]);
        }
    }
}

fn resource_names(names: &Field) {
    let mut seen = Seen::new();
    for name in names.items() {
        name.complain(meta::name::path_segment(name.text()));
        if seen.again(name.text()) {
            name.duplicate();
        }
    }
}

/// Operations and resources.
pub fn rule(rule: &Field) {
    let operations = rule.child("operations");
    list(&operations, "operations");
    for operation in operations.items() {
        operation.any_of(&["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]);
    }
    list(&rule.child("apiGroups"), "API groups");
    let versions = rule.child("apiVersions");
    list(&versions, "API versions");
    for version in versions.items() {
        version.needed();
    }
    resources(&rule.child("resources"));
    rule.child("scope").any_of_if_set(&["*", "Cluster", "Namespaced"]);
}

fn list(list: &Field, what: &str) {
    if list.is_empty() {
        list.required("");
    } else if list.len() > 1 && list.texts().any(|each| each == "*") {
        list.invalid(&format!("if '*' is present, must not specify other {what}"));
    }
}

fn resources(resources: &Field) {
    if resources.is_empty() {
        return resources.required("");
    }
    let all: Vec<&str> = resources.texts().collect();
    let (mut kinds, mut parts) = (Seen::new(), Seen::new());
    for resource in resources.items() {
        let text = resource.text();
        if text.is_empty() {
            resource.required("");
            continue;
        }
        let Some((kind, part)) = text.split_once('/') else {
            continue;
        };
        // What covers more counts for what comes after it.
        if kinds.contains(kind) {
            resource.invalid(&format!("if '{kind}/*' is present, must not specify {text}"));
        }
        if parts.contains(part) {
            resource.invalid(&format!("if '*/{part}' is present, must not specify {text}"));
        }
        if part == "*" {
            kinds.again(kind);
        }
        if kind == "*" {
            parts.again(part);
        }
    }
    if all.len() > 1 && all.contains(&"*/*") {
        resources.invalid("if '*/*' is present, must not specify other resources");
    }
    // Upstream remembers the last of the whole resources only.
    let last = all.iter().rfind(|each| !each.is_empty() && !each.contains('/'));
    if all.contains(&"*") && last.is_some_and(|last| *last != "*") {
        resources.invalid("if '*' is present, must not specify other resources without subresources");
    }
}

/// Further conditions: expressions that may use `uses`.
pub fn match_conditions(conditions: &Field, uses: Uses) {
    if conditions.len() > MAX_CONDITIONS {
        conditions.too_many(MAX_CONDITIONS);
    }
    let mut names = Seen::new();
    for condition in conditions.items() {
        let (name, expression) = (condition.child("name"), condition.child("expression"));
        let trimmed = expression.text().trim();
        if trimmed.is_empty() {
            expression.required("");
        } else if let Err(why) = Expressions::new(uses).compile(trimmed, Gives::Truth) {
            why.tell(&expression, trimmed);
        }
        if name.is_empty() {
            name.required("");
        } else {
            name.qualified_name();
            if names.again(name.text()) {
                name.duplicate();
            }
        }
    }
}

/// Everything but what describes the object, for counting generations.
pub fn image(object: &Value) -> Vec<&Value> {
    crate::room::image(object, &["/webhooks", "/spec"])
}
