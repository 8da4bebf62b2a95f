//! Defaults of a container, whichever list it stands in.

use serde_json::Value;

use crate::core::pod::image;
use crate::toolkit::defaults::{Object, object_in, objects, text, when_empty, when_missing};

/// `Always` for what may move (`latest`), else `IfNotPresent`.
pub fn pull_policy(reference: &str) -> &'static str {
    match image::tag(reference) {
        Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

/// Defaults of one container.
pub fn container(container: &mut Object) {
    let policy = pull_policy(text(container, "image"));
    when_empty(container, "imagePullPolicy", policy);
    when_empty(container, "terminationMessagePath", "/dev/termination-log");
    when_empty(container, "terminationMessagePolicy", "File");
    when_missing(container, "resources", Value::Object(Object::new()));
    for port in objects(container, "ports") {
        when_empty(port, "protocol", "TCP");
    }
    for variable in objects(container, "env") {
        if let Some(source) = object_in(variable, "valueFrom") {
            field_reference(source);
            if let Some(file) = object_in(source, "fileKeyRef") {
                when_missing(file, "optional", false);
            }
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = object_in(container, name) {
            self::probe(probe);
        }
    }
    if let Some(lifecycle) = object_in(container, "lifecycle") {
        for name in ["postStart", "preStop"] {
            if let Some(handler) = object_in(lifecycle, name) {
                http_get(handler);
            }
        }
    }
}

fn probe(probe: &mut Object) {
    when_empty(probe, "timeoutSeconds", 1);
    when_empty(probe, "periodSeconds", 10);
    when_empty(probe, "successThreshold", 1);
    when_empty(probe, "failureThreshold", 3);
    http_get(probe);
    if let Some(grpc) = object_in(probe, "grpc") {
        when_missing(grpc, "service", "");
    }
}

fn http_get(handler: &mut Object) {
    if let Some(http) = object_in(handler, "httpGet") {
        when_empty(http, "path", "/");
        when_empty(http, "scheme", "HTTP");
    }
}

/// Of an environment variable or a downward API file.
pub fn field_reference(source: &mut Object) {
    if let Some(field) = object_in(source, "fieldRef") {
        when_empty(field, "apiVersion", "v1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: Value, path: &str, after: Value) {
        let mut object = before;
        container(object.as_object_mut().expect("an object"));
        assert_eq!(object.pointer(path), Some(&after), "{path}");
    }

    #[test]
    fn pull_policy_follows_the_tag() {
        check(json!({"image": "i"}), "/imagePullPolicy", json!("Always"));
        check(json!({"image": "i:latest"}), "/imagePullPolicy", json!("Always"));
        check(json!({"image": "i:1"}), "/imagePullPolicy", json!("IfNotPresent"));
        check(
            json!({"image": "i", "imagePullPolicy": "Never"}),
            "/imagePullPolicy",
            json!("Never"),
        );
    }

    #[test]
    fn probes_have_their_timing() {
        check(
            json!({"livenessProbe": {"httpGet": {"port": 1}, "periodSeconds": 0, "failureThreshold": 5}}),
            "/livenessProbe",
            json!({
                "httpGet": {"port": 1, "path": "/", "scheme": "HTTP"},
                "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 5,
            }),
        );
        check(
            json!({"startupProbe": {"grpc": {"port": 9}}}),
            "/startupProbe/grpc/service",
            json!(""),
        );
    }

    #[test]
    fn references_to_fields_have_a_version() {
        check(
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
            "/env/0/valueFrom/fieldRef/apiVersion",
            json!("v1"),
        );
    }
}
