//! The table of autoscalers.

use resource::{Column, Row};
use serde_json::Value;

use crate::toolkit::columns::{AGE, NAME, created, list, name, number, text};

const UNKNOWN: &str = "<unknown>";
const AUTO: &str = "<auto>";
const UNSET: &str = "<unset>";
/// How many metrics are shown.
const SHOWN: usize = 2;

/// Its columns.
pub fn columns() -> Vec<Column> {
    vec![
        NAME,
        Column::string("Reference", "What is scaled.")
            .shows("autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef"),
        Column::string("Targets", "Metrics, as they are and as they should be.")
            .shows("autoscaling.v2.HorizontalPodAutoscalerSpec.metrics"),
        Column::string("MinPods", "The fewest replicas.")
            .shows("autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas"),
        Column::string("MaxPods", "The most replicas.")
            .shows("autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas"),
        Column::string("Replicas", "Replicas that are there.")
            .shows("autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas"),
        AGE,
    ]
}

/// One autoscaler.
pub fn row(scaler: &Value, now: i64) -> Row {
    let target = |field: &str| text(scaler, &["spec", "scaleTargetRef", field]);
    let least = match scaler["spec"]["minReplicas"].as_i64() {
        Some(least) => least.to_string(),
        None => UNSET.to_owned(),
    };
    Row {
        cells: vec![
            name(scaler),
            format!("{}/{}", target("kind"), target("name")).into(),
            metrics(scaler).into(),
            least.into(),
            number(scaler, &["spec", "maxReplicas"]).into(),
            number(scaler, &["status", "currentReplicas"]).into(),
            created(scaler, now),
        ],
        ..Row::default()
    }
}

fn metrics(scaler: &Value) -> String {
    let wanted = list(scaler, &["spec", "metrics"]);
    if wanted.is_empty() {
        return "<none>".to_owned();
    }
    let current = list(scaler, &["status", "currentMetrics"]);
    let mut texts: Vec<String> = wanted
        .iter()
        .enumerate()
        .map(|(index, metric)| self::metric(metric, current.get(index)))
        .collect();
    let all = texts.len();
    texts.truncate(SHOWN);
    let mut shown = texts.join(", ");
    if all > SHOWN {
        shown.push_str(&format!(" + {} more...", all - SHOWN));
    }
    shown
}

fn metric(metric: &Value, current: Option<&Value>) -> String {
    let source = match text(metric, &["type"]) {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let target = &metric[source]["target"];
    let now = |field: &str| match current.map(|current| &current[source]["current"][field]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if field == "averageUtilization" => format!("{number}%"),
        _ => UNKNOWN.to_owned(),
    };
    let is_resource = source == "resource" || source == "containerResource";
    let text = match (
        target["averageValue"].as_str(),
        target["averageUtilization"].as_i64(),
    ) {
        (Some(average), _) => {
            let suffix = if is_resource || source == "pods" {
                ""
            } else {
                " (avg)"
            };
            format!("{}/{average}{suffix}", now("averageValue"))
        }
        (None, utilization) if is_resource => {
            let wanted = utilization.map_or_else(|| AUTO.to_owned(), |percent| format!("{percent}%"));
            format!("{}/{wanted}", now("averageUtilization"))
        }
        _ => format!("{}/{}", now("value"), target["value"].as_str().unwrap_or("")),
    };
    if is_resource {
        format!("{}: {text}", metric[source]["name"].as_str().unwrap_or(""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metrics_are_shown_beside_their_targets() {
        let scaler = json!({
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}},
                    {"type": "Pods", "pods": {"target": {"averageValue": "10"}}},
                    {"type": "Pods", "pods": {"target": {"averageValue": "10"}}},
                ],
            },
            "status": {"currentMetrics": [{"type": "Resource", "resource": {"current": {"averageUtilization": 5}}}]},
        });
        let cells = row(&scaler, 0).cells;
        assert_eq!(cells[1], "Deployment/d");
        assert_eq!(cells[2], "cpu: 5%/80%, <unknown>/10 + 1 more...");
        assert_eq!(cells[3..6], [json!("<unset>"), json!(3), json!(0)]);
    }
}
