//! Between the two versions of autoscalers. What version 1 has no field for, it has in annotations.

use serde_json::{Map, Value, json};

use crate::toolkit::columns::{list, text};
use crate::toolkit::defaults::{object_at, remove};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

fn is_cpu(metric: &Value) -> bool {
    metric["type"] == "Resource" && metric["resource"]["name"] == "cpu"
}

/// As version 1 shows it.
pub fn to_v1(scaler: &mut Value) {
    scaler["apiVersion"] = "autoscaling/v1".into();
    let metrics = take_list(scaler, &["spec", "metrics"]);
    let mut others = Vec::new();
    for metric in metrics {
        let utilization = &metric["resource"]["target"]["averageUtilization"];
        if is_cpu(&metric)
            && !utilization.is_null()
            && scaler["spec"]["targetCPUUtilizationPercentage"].is_null()
        {
            scaler["spec"]["targetCPUUtilizationPercentage"] = utilization.clone();
        } else {
            others.push(renamed(&metric, "target", Direction::ToV1));
        }
    }
    annotate(scaler, METRICS, others);
    let mut others = Vec::new();
    for metric in take_list(scaler, &["status", "currentMetrics"]) {
        let utilization = &metric["resource"]["current"]["averageUtilization"];
        if is_cpu(&metric) && !utilization.is_null() {
            scaler["status"]["currentCPUUtilizationPercentage"] = utilization.clone();
        } else {
            others.push(renamed(&metric, "current", Direction::ToV1));
        }
    }
    annotate(scaler, CURRENT, others);
    let conditions = take_list(scaler, &["status", "conditions"]);
    annotate(scaler, CONDITIONS, conditions);
    let behavior = scaler["spec"]["behavior"].clone();
    remove(scaler, &["spec", "behavior"]);
    if behavior.is_object() {
        set_annotation(scaler, BEHAVIOR, with_keys(&behavior, capital).to_string());
    }
    if let Some(status) = object_at(scaler, &["status"]) {
        for field in ["currentReplicas", "desiredReplicas"] {
            status.entry(field).or_insert_with(|| 0.into());
        }
    }
}

/// As it is stored.
pub fn to_v2(scaler: &mut Value) {
    scaler["apiVersion"] = "autoscaling/v2".into();
    let mut metrics: Vec<Value> = annotated(scaler, METRICS)
        .iter()
        .map(|metric| renamed(metric, "target", Direction::ToV2))
        .collect();
    let percentage = scaler["spec"]["targetCPUUtilizationPercentage"].clone();
    remove(scaler, &["spec", "targetCPUUtilizationPercentage"]);
    if !percentage.is_null() {
        let target = json!({"type": "Utilization", "averageUtilization": percentage});
        metrics.insert(
            0,
            json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}),
        );
    }
    if !metrics.is_empty() {
        scaler["spec"]["metrics"] = metrics.into();
    }
    let mut current: Vec<Value> = annotated(scaler, CURRENT)
        .iter()
        .map(|metric| renamed(metric, "current", Direction::ToV2))
        .collect();
    let percentage = scaler["status"]["currentCPUUtilizationPercentage"].clone();
    remove(scaler, &["status", "currentCPUUtilizationPercentage"]);
    if !percentage.is_null() {
        let now = json!({"averageUtilization": percentage});
        current.insert(
            0,
            json!({"type": "Resource", "resource": {"name": "cpu", "current": now}}),
        );
    }
    let conditions = annotated(scaler, CONDITIONS);
    let behavior = annotation(scaler, BEHAVIOR);
    if let Some(behavior) = behavior.filter(Value::is_object) {
        scaler["spec"]["behavior"] = with_keys(&behavior, small);
    }
    if let Some(status) = object_at(scaler, &["status"]) {
        let current = if current.is_empty() {
            Value::Null
        } else {
            current.into()
        };
        status.insert("currentMetrics".to_owned(), current);
        if !conditions.is_empty() {
            status.insert("conditions".to_owned(), conditions.into());
        }
        // Zero is left out of this version.
        if status
            .get("currentReplicas")
            .is_some_and(|replicas| replicas == 0)
        {
            status.remove("currentReplicas");
        }
    }
    for name in [METRICS, CURRENT, CONDITIONS, BEHAVIOR] {
        remove(scaler, &["metadata", "annotations", name]);
    }
    if scaler["metadata"]["annotations"]
        .as_object()
        .is_none_or(Map::is_empty)
    {
        remove(scaler, &["metadata", "annotations"]);
    }
}

fn take_list(object: &mut Value, fields: &[&str]) -> Vec<Value> {
    let items = list(object, fields).to_vec();
    remove(object, fields);
    items
}

fn annotate(scaler: &mut Value, name: &str, items: Vec<Value>) {
    if !items.is_empty() {
        set_annotation(scaler, name, Value::from(items).to_string());
    }
}

fn set_annotation(scaler: &mut Value, name: &str, text: String) {
    if let Some(annotations) = object_at(scaler, &["metadata", "annotations"]) {
        annotations.insert(name.to_owned(), text.into());
    }
}

fn annotation(scaler: &Value, name: &str) -> Option<Value> {
    serde_json::from_str(text(scaler, &["metadata", "annotations", name])).ok()
}

fn annotated(scaler: &Value, name: &str) -> Vec<Value> {
    match annotation(scaler, name) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

#[derive(Clone, Copy)]
enum Direction {
    ToV1,
    ToV2,
}

/// A metric in the other version's words. `which` is `target` in a spec and `current` in a status.
fn renamed(metric: &Value, which: &str, direction: Direction) -> Value {
    let kind = text(metric, &["type"]);
    let source = match kind {
        "ContainerResource" => "containerResource",
        "External" => "external",
        "Object" => "object",
        "Pods" => "pods",
        _ => "resource",
    };
    let mut renamed = Map::new();
    let from = &metric[source];
    for (old, new) in names(source, which) {
        let (from_path, to_path) = match direction {
            Direction::ToV1 => (new, old),
            Direction::ToV2 => (old, new),
        };
        if let Some(value) = from.pointer(&from_path).filter(|value| !value.is_null()) {
            put(&mut renamed, &to_path, value.clone());
        }
    }
    if matches!(direction, Direction::ToV2) && which == "target" {
        let target = &renamed[which];
        let kind = if !target["averageUtilization"].is_null() {
            "Utilization"
        } else if !target["averageValue"].is_null() {
            "AverageValue"
        } else {
            "Value"
        };
        put(&mut renamed, "/target/type", kind.into());
    }
    json!({"type": kind, source: renamed})
}

/// Where a source's facts stand in version 1 and in version 2.
fn names(source: &str, which: &str) -> Vec<(String, String)> {
    let prefix = which;
    let average = |what: &str| {
        (
            format!("/{prefix}Average{what}"),
            format!("/{which}/average{what}"),
        )
    };
    let value = (format!("/{prefix}Value"), format!("/{which}/value"));
    let plain = |old: &str, new: &str| (format!("/{old}"), format!("/{new}"));
    let name = plain("metricName", "metric/name");
    match source {
        "object" => vec![
            plain("target/kind", "describedObject/kind"),
            plain("target/name", "describedObject/name"),
            plain("target/apiVersion", "describedObject/apiVersion"),
            name,
            plain("selector", "metric/selector"),
            value,
            ("/averageValue".to_owned(), format!("/{which}/averageValue")),
        ],
        "pods" => vec![name, plain("selector", "metric/selector"), average("Value")],
        "external" => vec![
            name,
            plain("metricSelector", "metric/selector"),
            value,
            average("Value"),
        ],
        _ => vec![
            plain("name", "name"),
            plain("container", "container"),
            average("Utilization"),
            average("Value"),
        ],
    }
}

fn put(object: &mut Map<String, Value>, pointer: &str, value: Value) {
    let mut fields = pointer.trim_start_matches('/').splitn(2, '/');
    let (Some(first), rest) = (fields.next(), fields.next()) else {
        return;
    };
    match rest {
        None => {
            object.insert(first.to_owned(), value);
        }
        Some(rest) => {
            let inner = object.entry(first).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

/// The annotation holds the behavior with the names of Go's fields.
fn with_keys(value: &Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (rename(key), with_keys(value, rename)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| with_keys(item, rename)).collect(),
        other => other.clone(),
    }
}

fn capital(key: &str) -> String {
    let mut letters = key.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn small(key: &str) -> String {
    let mut letters = key.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_metric_has_a_field() {
        let v1 = json!({
            "apiVersion": "autoscaling/v1", "metadata": {}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
            "status": {"currentReplicas": 0, "desiredReplicas": 0},
        });
        let mut scaler = v1.clone();
        to_v2(&mut scaler);
        assert_eq!(
            scaler["spec"]["metrics"],
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}])
        );
        to_v1(&mut scaler);
        assert_eq!(scaler, v1);
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        let v2 = json!({
            "apiVersion": "autoscaling/v2", "metadata": {"name": "h"},
            "spec": {
                "behavior": {"scaleDown": {"selectPolicy": "Max", "stabilizationWindowSeconds": 5}},
                "metrics": [
                    {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}},
                    {"type": "Object", "object": {
                        "describedObject": {"kind": "K", "name": "n"}, "metric": {"name": "m"}, "target": {"type": "Value", "value": "2"},
                    }},
                    {"type": "External", "external": {
                        "metric": {"name": "m", "selector": {"matchLabels": {"a": "b"}}}, "target": {"type": "Value", "value": "2"},
                    }},
                    {"type": "ContainerResource", "containerResource": {
                        "name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 5},
                    }},
                ],
            },
            "status": {"desiredReplicas": 2, "currentMetrics": null, "conditions": [{"type": "AbleToScale", "status": "True"}]},
        });
        let mut scaler = v2.clone();
        to_v1(&mut scaler);
        assert!(scaler["spec"].get("metrics").is_none());
        to_v2(&mut scaler);
        assert_eq!(scaler, v2);
    }
}
