//! Which objects a quota is about.

use meta::GroupResource;
use serde_json::Value;

use super::{list, text};
use crate::core::pod::qos;

/// Whether a quota counts an object. One without scopes counts everything; one with scopes only what is in all of them, and
/// that are pods, or claims.
pub fn covers(quota: &Value, resource: &GroupResource, object: &Value) -> bool {
    let is = |name: &str| resource.group.is_empty() && resource.resource == name;
    let within = |scope: &Value, operator: &str, values: &[Value]| match scope.as_str() {
        Some(scope) if is("pods") => pod_is_within(object, scope, operator, values),
        Some("VolumeAttributesClass") if is("persistentvolumeclaims") => {
            let class = text(object, "/spec/volumeAttributesClassName");
            matches(class, operator, values)
        }
        _ => false,
    };
    let plain = list(quota, "/spec/scopes");
    let selected = list(quota, "/spec/scopeSelector/matchExpressions");
    plain.iter().all(|scope| within(scope, "Exists", &[]))
        && selected.iter().all(|expression| {
            within(
                &expression["scopeName"],
                text(expression, "/operator"),
                list(expression, "/values"),
            )
        })
}

fn pod_is_within(pod: &Value, scope: &str, operator: &str, values: &[Value]) -> bool {
    let is_terminating = || {
        pod.pointer("/spec/activeDeadlineSeconds")
            .is_some_and(Value::is_number)
    };
    match scope {
        "Terminating" => is_terminating(),
        "NotTerminating" => !is_terminating(),
        "BestEffort" => qos::class(pod) == "BestEffort",
        "NotBestEffort" => qos::class(pod) != "BestEffort",
        "PriorityClass" => matches(text(pod, "/spec/priorityClassName"), operator, values),
        "CrossNamespacePodAffinity" => looks_elsewhere(pod),
        _ => false,
    }
}

fn matches(value: &str, operator: &str, values: &[Value]) -> bool {
    let listed = || values.iter().any(|listed| listed == value);
    match operator {
        "In" => !value.is_empty() && listed(),
        "NotIn" => !listed(),
        "Exists" => !value.is_empty(),
        "DoesNotExist" => value.is_empty(),
        _ => false,
    }
}

/// Whether the pod's affinity to other pods asks for pods of other namespaces.
fn looks_elsewhere(pod: &Value) -> bool {
    ["podAffinity", "podAntiAffinity"].into_iter().any(|kind| {
        let at = |list_name: &str| list(pod, &format!("/spec/affinity/{kind}/{list_name}"));
        let required = at("requiredDuringSchedulingIgnoredDuringExecution").iter();
        let preferred = at("preferredDuringSchedulingIgnoredDuringExecution").iter();
        required
            .chain(preferred.map(|weighted| &weighted["podAffinityTerm"]))
            .any(|term| !list(term, "/namespaces").is_empty() || term["namespaceSelector"].is_object())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(quota: Value, resource: &str, object: &Value, expected: bool) {
        let quota = json!({ "spec": quota });
        let resource = super::super::named("", resource);
        assert_eq!(
            covers(&quota, &resource, object),
            expected,
            "{quota} {resource} {object}"
        );
    }

    #[test]
    fn scopes_narrow_what_is_counted() {
        let pod =
            json!({"spec": {"activeDeadlineSeconds": 60, "priorityClassName": "high", "containers": [{}]}});
        check(json!({}), "pods", &pod, true);
        check(json!({}), "secrets", &json!({}), true);
        check(json!({"scopes": ["BestEffort"]}), "pods", &pod, true);
        check(json!({"scopes": ["NotBestEffort"]}), "pods", &pod, false);
        check(json!({"scopes": ["Terminating"]}), "pods", &pod, true);
        check(
            json!({"scopes": ["Terminating", "NotBestEffort"]}),
            "pods",
            &pod,
            false,
        );
        check(json!({"scopes": ["Terminating"]}), "secrets", &json!({}), false);
        let by_class = |operator: &str, values: &[&str]| {
            json!({"scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": operator, "values": values}]}})
        };
        check(by_class("In", &["high"]), "pods", &pod, true);
        check(by_class("NotIn", &["high"]), "pods", &pod, false);
        check(by_class("In", &["low"]), "pods", &json!({}), false);
        let term = json!({"namespaces": ["b"]});
        let affinity = json!({"spec": {"affinity": {"podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term]}}}});
        check(
            json!({"scopes": ["CrossNamespacePodAffinity"]}),
            "pods",
            &affinity,
            true,
        );
        check(
            json!({"scopes": ["CrossNamespacePodAffinity"]}),
            "pods",
            &pod,
            false,
        );
    }
}
