//! Fields of a pod, as environment variables and files have them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::pod::PodToRun;

use super::super::settings::NodeSettings;

/// What a pod's fields depend on beside its object.
#[derive(Clone, Copy, Debug)]
pub struct FieldContext<'a> {
    pub node: &'a NodeSettings,
    /// The pod's addresses, the primary one first.
    pub pod_ips: &'a [IpAddr],
}

/// The value of a field of a pod, such as `metadata.labels['app']` or `status.podIP`.
pub fn pod_field(pod: &PodToRun, path: &str, context: FieldContext<'_>) -> Result<String, String> {
    let metadata = &pod.object().metadata;
    let spec = pod.spec();
    let empty = BTreeMap::new();
    let labels = metadata.labels.as_ref().unwrap_or(&empty);
    let annotations = metadata.annotations.as_ref().unwrap_or(&empty);
    if let Some((field, key)) = subscript(path) {
        let map = match field {
            "metadata.labels" => labels,
            "metadata.annotations" => annotations,
            _ => return Err(format!("fieldPath {field:?} does not support subscript")),
        };
        return Ok(map.get(key).cloned().unwrap_or_default());
    }
    let value = match path {
        "metadata.name" => pod.name().to_owned(),
        "metadata.namespace" => pod.namespace().to_owned(),
        "metadata.uid" => pod.uid().to_owned(),
        "metadata.labels" => lines(labels),
        "metadata.annotations" => lines(annotations),
        "spec.nodeName" => match spec.node_name.as_deref() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => context.node.node_name.clone(),
        },
        "spec.serviceAccountName" => spec.service_account_name.clone().unwrap_or_default(),
        "status.hostIP" => first(&context.node.node_ips),
        "status.hostIPs" => all(&context.node.node_ips),
        "status.podIP" => first(context.pod_ips),
        "status.podIPs" => all(context.pod_ips),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    };
    Ok(value)
}

/// Splits `metadata.labels['app']`.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (field, rest) = path.split_once("['")?;
    Some((field, rest.strip_suffix("']")?))
}

fn first(ips: &[IpAddr]) -> String {
    ips.first().map(IpAddr::to_string).unwrap_or_default()
}

fn all(ips: &[IpAddr]) -> String {
    let ips: Vec<String> = ips.iter().map(IpAddr::to_string).collect();
    ips.join(",")
}

/// A line per entry: `key="value"`.
fn lines(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = map
        .iter()
        .map(|(key, value)| format!("{key}={}", meta::quote(value)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn fields() {
        let pod = json!({
            "metadata": { "name": "p", "namespace": "ns", "uid": "u", "labels": { "b": "2", "a": "say \"1\"\n" },
                "annotations": { "x.y/z": "v" } },
            "spec": { "serviceAccountName": "sa", "containers": [] },
        });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(pod).unwrap()));
        let node = NodeSettings {
            node_name: "n".to_owned(),
            node_ips: vec!["10.0.0.1".parse().unwrap(), "fd::1".parse().unwrap()],
            ..NodeSettings::default()
        };
        let context = FieldContext {
            node: &node,
            pod_ips: &["10.1.0.1".parse().unwrap(), "fd::2".parse().unwrap()],
        };
        for (path, value) in [
            ("metadata.name", "p"),
            ("metadata.namespace", "ns"),
            ("metadata.uid", "u"),
            ("metadata.labels", "a=\"say \\\"1\\\"\\n\"\nb=\"2\""),
            ("metadata.labels['b']", "2"),
            ("metadata.labels['c']", ""),
            ("metadata.annotations['x.y/z']", "v"),
            ("spec.nodeName", "n"),
            ("spec.serviceAccountName", "sa"),
            ("status.hostIP", "10.0.0.1"),
            ("status.hostIPs", "10.0.0.1,fd::1"),
            ("status.podIP", "10.1.0.1"),
            ("status.podIPs", "10.1.0.1,fd::2"),
        ] {
            assert_eq!(pod_field(&pod, path, context).as_deref(), Ok(value), "{path}");
        }
        let error = pod_field(&pod, "spec.x", context).unwrap_err();
        assert_eq!(error, "unsupported fieldPath: spec.x");
    }
}
