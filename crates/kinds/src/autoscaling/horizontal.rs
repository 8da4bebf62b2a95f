//! Horizontal pod autoscalers, in the version that is stored and in the older one.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use super::{conversion, table, validation};
use crate::room::{room, status_apart};
use crate::toolkit::Report;
use crate::toolkit::defaults::{Object, object_at, object_in, object_or_new, when_empty, when_missing};

room! {
    /// How many replicas a workload has, by what it measures.
    HorizontalPodAutoscaler
}

room! {
    /// The same in version 1, which knows only one metric.
    HorizontalPodAutoscalerV1
}

impl Strategy for HorizontalPodAutoscaler {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        when_missing(spec, "minReplicas", 1);
        when_empty(
            spec,
            "metrics",
            json!([{
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }]),
        );
        if let Some(behavior) = object_in(spec, "behavior") {
            behavior_defaults(behavior);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |scaler| validation::rules(scaler, None))
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |scaler| {
            validation::rules(scaler, Some(&old["spec"]));
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, validation::status)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        table::columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        table::row(object, now)
    }
}

/// Whoever says something of how to scale in one direction gets the usual rest.
fn behavior_defaults(behavior: &mut Object) {
    if let Some(up) = object_or_new(behavior, "scaleUp") {
        when_missing(up, "stabilizationWindowSeconds", 0);
        when_empty(up, "selectPolicy", "Max");
        let policies = json!([
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ]);
        when_missing(up, "policies", policies);
    }
    if let Some(down) = object_or_new(behavior, "scaleDown") {
        when_empty(down, "selectPolicy", "Max");
        when_missing(
            down,
            "policies",
            json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]),
        );
    }
}

impl Strategy for HorizontalPodAutoscalerV1 {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn converts(&self) -> bool {
        true
    }

    fn convert_to_stored(&self, object: &mut Value) {
        conversion::to_v2(object);
    }

    fn convert_from_stored(&self, object: &mut Value) {
        conversion::to_v1(object);
    }

    fn default(&self, object: &mut Value) {
        let has_metrics = conversion::has_metrics(object);
        if let Some(spec) = object_at(object, &["spec"]) {
            when_missing(spec, "minReplicas", 1);
            if !has_metrics {
                when_missing(spec, "targetCPUUtilizationPercentage", 80);
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut stored = object.clone();
        conversion::to_v2(&mut stored);
        Report::of_any(&stored, |scaler| validation::rules(scaler, None))
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        let [new, old] = [new, old].map(|object| {
            let mut stored = object.clone();
            conversion::to_v2(&mut stored);
            stored
        });
        Report::of_any(&new, |scaler| validation::rules(scaler, Some(&old["spec"])))
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, validation::status)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        table::columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let mut stored = object.clone();
        conversion::to_v2(&mut stored);
        table::row(&stored, now)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::defaulted;
    use serde_json::json;

    #[test]
    fn version_1_has_the_same_default_as_a_field() {
        const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
        let kinds = crate::all();
        let kind = kinds.iter().find(|kind| {
            let kind = &kind.descriptor().kind;
            kind.kind == "HorizontalPodAutoscaler" && kind.version == "v1"
        });
        let kind = kind.expect("a kind");
        let resources = r#"[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":3}}]"#;
        for (annotations, expected) in [
            (json!({}), json!(80)),
            (json!({METRICS: "[]"}), json!(80)),
            (json!({METRICS: resources}), json!(null)),
        ] {
            let mut scaler = json!({"metadata": {"annotations": annotations}, "spec": {}});
            kind.default(&mut scaler);
            assert_eq!(scaler["spec"]["targetCPUUtilizationPercentage"], expected);
        }
    }

    #[test]
    fn autoscalers_have_their_defaults() {
        let scaler = defaulted(
            "autoscaling",
            "horizontalpodautoscalers",
            json!({"spec": {"behavior": {"scaleDown": {"policies": [1]}}}}),
        );
        let spec = &scaler["spec"];
        assert_eq!(spec["minReplicas"], 1);
        assert_eq!(spec["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
        assert_eq!(spec["behavior"]["scaleUp"]["policies"][0]["value"], 4);
        assert_eq!(
            spec["behavior"]["scaleDown"],
            json!({"policies": [1], "selectPolicy": "Max"})
        );
    }
}
