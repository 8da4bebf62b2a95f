//! Between the two versions of autoscalers. What version 1 has no field for, it has in annotations.

use meta::GroupVersionKind;
use schema::{FieldValidation, Ordered, SchemaRef, kinds};
use serde_json::{Map, Value, json};

use crate::toolkit::columns::{list, text};
use crate::toolkit::defaults::{object_at, remove};
use crate::toolkit::{go, quantity};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Whether an autoscaler of version 1 has metrics besides the use of processors.
pub fn has_metrics(scaler: &Value) -> bool {
    annotated(scaler, METRICS).is_some_and(|metrics| !metrics.is_empty())
}

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
    let mut current = Vec::new();
    for metric in take_list(scaler, &["status", "currentMetrics"]) {
        let utilization = &metric["resource"]["current"]["averageUtilization"];
        if is_cpu(&metric) && !utilization.is_null() {
            scaler["status"]["currentCPUUtilizationPercentage"] = utilization.clone();
        }
        current.push(renamed(&metric, "current", Direction::ToV1));
    }
    annotate(scaler, CURRENT, current);
    let conditions = take_list(scaler, &["status", "conditions"]);
    annotate(scaler, CONDITIONS, conditions);
    let behavior = scaler["spec"]["behavior"].clone();
    remove(scaler, &["spec", "behavior"]);
    if behavior.is_object() {
        // Upstream writes what it holds, not what any version shows.
        set_annotation(scaler, BEHAVIOR, go::printed(Some(&behavior), behavior_schema()));
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
    let mut metrics = annotated(scaler, METRICS).unwrap_or_default();
    for metric in &mut metrics {
        *metric = renamed(metric, "target", Direction::ToV2);
    }
    let percentage = scaler["spec"]["targetCPUUtilizationPercentage"].clone();
    remove(scaler, &["spec", "targetCPUUtilizationPercentage"]);
    if !percentage.is_null() {
        let target = json!({"type": "Utilization", "averageUtilization": percentage});
        metrics.push(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if !metrics.is_empty() {
        scaler["spec"]["metrics"] = metrics.into();
    }
    let percentage = scaler["status"]["currentCPUUtilizationPercentage"].clone();
    remove(scaler, &["status", "currentCPUUtilizationPercentage"]);
    // The annotation says more than the field.
    let current: Vec<Value> = match annotated(scaler, CURRENT) {
        Some(current) => current
            .iter()
            .map(|metric| renamed(metric, "current", Direction::ToV2))
            .collect(),
        None if percentage.is_null() => Vec::new(),
        None => {
            let now = json!({"averageUtilization": percentage});
            vec![json!({"type": "Resource", "resource": {"name": "cpu", "current": now}})]
        }
    };
    let conditions = annotated(scaler, CONDITIONS).unwrap_or_default();
    if let Some(behavior) = behavior(scaler) {
        scaler["spec"]["behavior"] = behavior;
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

/// Writes items as text, each with the fields of its type in their order.
fn annotate(scaler: &mut Value, name: &str, items: Vec<Value>) {
    let schema = item_schema(name);
    let items: Vec<Value> = items.into_iter().map(|item| completed(item, schema)).collect();
    let written: Vec<Ordered<'_>> = items
        .iter()
        .map(|item| Ordered::new(item, Some(schema)))
        .collect();
    if !written.is_empty() {
        let text = serde_json::to_string(&written).unwrap_or_default();
        set_annotation(scaler, name, text);
    }
}

/// What the items of an annotation are.
fn item_schema(name: &str) -> SchemaRef<'static> {
    match name {
        METRICS => kinds::autoscaling_v1::METRIC_SPEC,
        CURRENT => kinds::autoscaling_v1::METRIC_STATUS,
        _ => kinds::autoscaling_v1::CONDITION,
    }
}

/// An item with everything that is always written.
fn completed(item: Value, schema: SchemaRef<'_>) -> Value {
    schema::decode_value(item, schema, FieldValidation::Ignore).map_or(Value::Null, |(item, _)| item)
}

fn set_annotation(scaler: &mut Value, name: &str, text: String) {
    if let Some(annotations) = object_at(scaler, &["metadata", "annotations"]) {
        annotations.insert(name.to_owned(), text.into());
    }
}

fn annotation(scaler: &Value, name: &str) -> Option<Value> {
    serde_json::from_str(text(scaler, &["metadata", "annotations", name])).ok()
}

/// The items in an annotation; none if it is not there or cannot be read.
fn annotated(scaler: &Value, name: &str) -> Option<Vec<Value>> {
    let items = annotation(scaler, name)?;
    let items = if items.is_null() {
        &Vec::new()
    } else {
        items.as_array()?
    };
    let read = |item: &Value| {
        let read = schema::decode_value(item.clone(), item_schema(name), FieldValidation::Ignore);
        Some(read.ok()?.0)
    };
    items.iter().map(read).collect()
}

fn behavior_schema() -> Option<SchemaRef<'static>> {
    let kind = GroupVersionKind::new("autoscaling", "v2", "HorizontalPodAutoscaler");
    schema::builtin(&kind)?.field("spec")?.field("behavior")
}

/// The behavior in its annotation; none if that says nothing.
fn behavior(scaler: &Value) -> Option<Value> {
    let behavior = annotation(scaler, BEHAVIOR)?;
    let read = schema::decode_value(
        with_keys(&behavior, small),
        behavior_schema()?,
        FieldValidation::Ignore,
    );
    let (behavior, _) = read.ok()?;
    behavior
        .as_object()
        .is_some_and(|directions| !directions.is_empty())
        .then_some(behavior)
}

#[derive(Clone, Copy)]
enum Direction {
    ToV1,
    ToV2,
}

const SOURCES: [&str; 5] = ["object", "pods", "resource", "containerResource", "external"];

/// A metric in the other version's words, with whichever sources it has. `which` is `target` in a spec and `current` in a
/// status.
fn renamed(metric: &Value, which: &str, direction: Direction) -> Value {
    let mut all = Map::new();
    all.insert("type".to_owned(), text(metric, &["type"]).into());
    for source in SOURCES {
        let Some(from) = metric.get(source).filter(|from| from.is_object()) else {
            continue;
        };
        let mut renamed = Map::new();
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
            put(&mut renamed, "/target/type", target_type(source, from).into());
            let target = renamed.get_mut("target").and_then(Value::as_object_mut);
            if let Some(target) = target.filter(|_| source == "object") {
                forget_zero_value(target);
            }
        }
        all.insert(source.to_owned(), renamed.into());
    }
    all.into()
}

/// Which of its targets a source of version 1 means.
fn target_type(source: &str, from: &Value) -> &'static str {
    match source {
        "pods" => "AverageValue",
        "object" if from["averageValue"].is_null() => "Value",
        "external" if !from["targetValue"].is_null() => "Value",
        "object" | "external" => "AverageValue",
        _ if from["targetAverageUtilization"].is_null() => "AverageValue",
        _ => "Utilization",
    }
}

/// Version 1 always has a value for an object, where an average may be all that is meant.
fn forget_zero_value(target: &mut Map<String, Value>) {
    let is_zero = quantity::read(target.get("value")).is_some_and(|value| value.sign() == 0);
    if is_zero && target.contains_key("averageValue") {
        target.remove("value");
    }
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
                "behavior": {"scaleDown": {"selectPolicy": "Max", "stabilizationWindowSeconds": 5, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 2}]}},
                "metrics": [
                    {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}},
                    {"type": "Object", "object": {
                        "describedObject": {"kind": "K", "name": "n"}, "metric": {"name": "m"}, "target": {"type": "Value", "value": "2"},
                    }},
                    {"type": "External", "external": {
                        "metric": {"name": "m", "selector": {"matchLabels": {"a": "b"}}}, "target": {"type": "Value", "value": "2"},
                    }},
                    {"type": "Object", "object": {
                        "describedObject": {"kind": "K", "name": "n"}, "metric": {"name": "m"},
                        "target": {"type": "AverageValue", "averageValue": "2"},
                    }},
                    {"type": "ContainerResource", "containerResource": {
                        "name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 5},
                    }},
                ],
            },
            "status": {"desiredReplicas": 2, "currentMetrics": null, "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": null}]},
        });
        let mut scaler = v2.clone();
        to_v1(&mut scaler);
        assert!(scaler["spec"].get("metrics").is_none());
        let annotations = &scaler["metadata"]["annotations"];
        assert_eq!(
            annotations[BEHAVIOR],
            concat!(
                r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","#,
                r#""Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":2}],"Tolerance":null}}"#
            )
        );
        let metrics = text(annotations, &[METRICS]);
        assert!(
            metrics.starts_with(r#"[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"1"}},"#)
        );
        to_v2(&mut scaler);
        assert_eq!(scaler, v2);
    }

    #[test]
    fn odd_annotations_are_read_as_far_as_they_go() {
        for (metrics, expected) in [
            ("x", json!(null)),
            (r#"[{"type": 1}]"#, json!(null)),
            ("[{}]", json!([{"type": ""}])),
            (r#"[{"type":"Pods"}]"#, json!([{"type": "Pods"}])),
            (
                r#"[{"type":"Resource","resource":{"name":"cpu"}}]"#,
                json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue"}}}]),
            ),
        ] {
            let mut scaler =
                json!({"metadata": {"annotations": {METRICS: metrics}}, "spec": {}, "status": {}});
            to_v2(&mut scaler);
            assert_eq!(scaler["spec"]["metrics"], expected, "{metrics}");
        }
    }
}
