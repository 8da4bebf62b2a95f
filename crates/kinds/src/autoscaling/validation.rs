//! What an autoscaler must be like.

use super::metrics;
use crate::toolkit::{Field, quantity};

const MAX_WINDOW_SECONDS: i64 = 3600;
const MAX_PERIOD_SECONDS: i64 = 1800;

/// The rules for a whole autoscaler.
pub fn rules(scaler: &Field) {
    let spec = scaler.child("spec");
    target(&spec.child("scaleTargetRef"));
    let (least, most) = (spec.child("minReplicas"), spec.child("maxReplicas"));
    if least.is_set() && least.number() < 1 {
        least.invalid("must be greater than or equal to 1");
    }
    if most.number() < 1 {
        most.required("must be set and greater than 0");
    }
    if least.is_set() && most.number() < least.number() {
        most.invalid_as(most.number(), "must be greater than or equal to `minReplicas`");
    }
    metrics::rules(&spec.child("metrics"), least.int());
    let behavior = spec.child("behavior");
    for direction in ["scaleUp", "scaleDown"] {
        let direction = behavior.child(direction);
        if direction.is_set() {
            scaling(&direction);
        }
    }
}

fn target(target: &Field) {
    for field in ["kind", "name"] {
        let field = target.child(field);
        if field.is_empty() {
            field.required("");
        } else {
            field.complain(meta::name::path_segment(field.text()));
        }
    }
    let version = target.child("apiVersion");
    // Only the core group has no name, and nothing in it scales this way.
    match version.text().split_once('/') {
        Some((group, _)) if !group.is_empty() => {}
        _ if target.text_of("kind") == "ReplicationController" && version.text() == "v1" => {}
        _ => version.invalid_as(version.text(), "apiVersion must specify API group"),
    }
}

fn scaling(rules: &Field) {
    let window = rules.child("stabilizationWindowSeconds");
    if window.number() < 0 {
        window.invalid("must be greater than or equal to zero");
    }
    if window.number() > MAX_WINDOW_SECONDS {
        window.invalid(&format!("must be less than or equal to {MAX_WINDOW_SECONDS}"));
    }
    let tolerance = rules.child("tolerance");
    if quantity::read(tolerance.value()).is_some_and(|tolerance| tolerance.sign() < 0) {
        tolerance.invalid("must be greater or equal to zero");
    }
    rules
        .child("selectPolicy")
        .any_of_if_set(&["Disabled", "Max", "Min"]);
    let policies = rules.child("policies");
    if policies.is_empty() {
        policies.required("must specify at least one Policy");
    }
    for policy in policies.items() {
        policy.child("type").any_of(&["Percent", "Pods"]);
        for field in ["value", "periodSeconds"] {
            let field = policy.child(field);
            if field.number() <= 0 {
                field.invalid_as(field.number(), "must be greater than zero");
            }
        }
        let period = policy.child("periodSeconds");
        if period.number() > MAX_PERIOD_SECONDS {
            period.invalid(&format!("must be less than or equal to {MAX_PERIOD_SECONDS}"));
        }
    }
}

/// The rules for a status.
pub fn status(scaler: &Field) {
    let status = scaler.child("status");
    for field in ["currentReplicas", "desiredReplicas"] {
        status.child(field).non_negative();
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(change: Value, expected: &[&str]) {
        let mut spec = json!({"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}});
        for (field, value) in change.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        assert_eq!(
            create_errors("autoscaling", "horizontalpodautoscalers", json!({"spec": spec})),
            expected,
            "{change}"
        );
    }

    #[test]
    fn replicas_are_in_order() {
        check(json!({"minReplicas": 2}), &[]);
        check(
            json!({"minReplicas": 5}),
            &["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"],
        );
        check(
            json!({"scaleTargetRef": {}}),
            &[
                "spec.scaleTargetRef.kind: Required value",
                "spec.scaleTargetRef.name: Required value",
                r#"spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group"#,
            ],
        );
    }

    #[test]
    fn scaling_has_its_limits() {
        check(
            json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3601}}}),
            &[
                "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
            ],
        );
    }

    #[test]
    fn metrics_are_of_one_source() {
        check(
            json!({"metrics": [{"type": "Resource"}]}),
            &[
                "spec.metrics[0].resource: Required value: must populate information for the given metric source",
            ],
        );
        check(
            json!({"metrics": [{"type": "Pods", "pods": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "1"}}}]}),
            &[
                "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
            ],
        );
    }
}
