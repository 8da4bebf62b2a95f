//! What an autoscaler must be like.

use serde_json::Value;

use super::metrics::{self, Versions};
use crate::toolkit::checks::NOT_NEGATIVE;
use crate::toolkit::columns::text;
use crate::toolkit::{Field, quantity};

const MAX_WINDOW_SECONDS: i64 = 3600;
const MAX_PERIOD_SECONDS: i64 = 1800;

/// The rules for a whole autoscaler. `old` is its spec as it was, if there was one.
pub fn rules(scaler: &Field, old: Option<&Value>) {
    let spec = scaler.child("spec");
    let least = i64::from(old.is_none_or(|old| old["minReplicas"] != 0));
    replicas(&spec, least);
    target(&spec.child("scaleTargetRef"), old);
    let (metrics, least) = (spec.child("metrics"), spec.child("minReplicas"));
    metrics::rules(&metrics, least.int(), metrics::allowed_versions(old));
    let behavior = spec.child("behavior");
    for direction in ["scaleUp", "scaleDown"] {
        let direction = behavior.child(direction);
        if direction.is_set() {
            scaling(&direction);
        }
    }
}

fn replicas(spec: &Field, lowest: i64) {
    let (least, most) = (spec.child("minReplicas"), spec.child("maxReplicas"));
    if least.is_set() && least.number() < lowest {
        least.invalid(&format!("must be greater than or equal to {lowest}"));
    }
    if most.number() == 0 {
        most.required("must be set and greater than 0");
    } else if most.number() < 0 {
        most.invalid("must be greater than or equal to 1");
    }
    if least.is_set() && most.number() < least.number() {
        most.invalid_as(most.number(), "must be greater than or equal to `minReplicas`");
    }
}

/// What is scaled. What was there before is not judged again.
fn target(target: &Field, old: Option<&Value>) {
    let is_known = old.is_some_and(|old| {
        let mut fields = ["apiVersion", "kind"].iter();
        fields.all(|field| text(old, &["scaleTargetRef", field]) == target.text_of(field))
    });
    let versions = if is_known {
        Versions::Any
    } else if target.text_of("kind") == "ReplicationController" {
        Versions::AlsoCore
    } else {
        // Nothing else in the core group scales.
        Versions::WithGroup
    };
    metrics::reference(target, versions);
}

fn scaling(rules: &Field) {
    let window = rules.child("stabilizationWindowSeconds");
    if window.number() < 0 {
        window.invalid("must be greater than or equal to zero");
    }
    if window.number() > MAX_WINDOW_SECONDS {
        window.invalid(&format!("must be less than or equal to {MAX_WINDOW_SECONDS}"));
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
    let tolerance = rules.child("tolerance");
    if quantity::read(tolerance.value()).is_some_and(|tolerance| tolerance.sign() < 0) {
        tolerance.invalid(NOT_NEGATIVE);
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
            json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}, "external": {"metric": {"name": "m"}, "target": {}}}]}),
            &[
                "spec.metrics[0].external.target.type: Required value: must specify a metric target type",
                r#"spec.metrics[0].external.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue"#,
                "spec.metrics[0].external.target.averageValue: Required value: must set either a target value for metric or a per-pod target",
                "spec.metrics[0].external: Forbidden: must populate the given metric source only",
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
