//! What events say of changes.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use serde::Serialize;

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(rename = "initContainers", skip_serializing_if = "Vec::is_empty")]
    init_containers: Vec<Amounts<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<Amounts<'a>>,
    generation: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

#[derive(Serialize)]
struct Amounts<'a> {
    name: &'a str,
    resources: ResourceRequirements,
}

/// `Pod resize started: {"containers":[...],"generation":2}`.
pub fn resize_message(what: &str, pod: &Pod, generation: Option<i64>, error: &str) -> String {
    let spec = pod.spec.as_ref();
    let summary = Summary {
        init_containers: amounts(spec.and_then(|spec| spec.init_containers.as_deref())),
        containers: amounts(spec.map(|spec| spec.containers.as_slice())),
        generation: generation.unwrap_or(0),
        error,
    };
    match serde_json::to_string(&summary) {
        Ok(summary) => format!("{what}: {summary}"),
        Err(_) => what.to_owned(),
    }
}

fn amounts(containers: Option<&[Container]>) -> Vec<Amounts<'_>> {
    let containers = containers.unwrap_or_default().iter();
    containers
        .map(|container| Amounts {
            name: &container.name,
            resources: container.resources.clone().unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_told_in_full() {
        let pod = json!({ "metadata": {}, "spec": { "containers": [
            { "name": "c", "resources": { "limits": { "cpu": "1" } } }, { "name": "d" }] } });
        let pod = serde_json::from_value(pod).unwrap();
        assert_eq!(
            resize_message("Pod resize started", &pod, Some(2), ""),
            r#"Pod resize started: {"containers":[{"name":"c","resources":{"limits":{"cpu":"1"}}},{"name":"d","resources":{}}],"generation":2}"#
        );
    }
}
