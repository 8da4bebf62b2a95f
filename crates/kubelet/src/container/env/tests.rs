//! Environments from every kind of source.

use serde_json::{Value, json};

use super::*;
use crate::container::NodeSettings;
use crate::objects::fake::FakeObjects;

fn objects() -> FakeObjects {
    let objects = FakeObjects::default();
    let meta = |name: &str, namespace: &str| json!({ "name": name, "namespace": namespace });
    objects
        .put(json!({ "kind": "ConfigMap", "metadata": meta("m", "ns"), "data": { "k": "v", "a=b": "bad" } }));
    objects.put(json!({ "kind": "Secret", "metadata": meta("s", "ns"), "data": { "p": "c2VjcmV0" } }));
    let service = |name: &str, namespace: &str, ip: &str| json!({ "kind": "Service", "metadata": meta(name, namespace), "spec": { "clusterIP": ip, "ports": [{ "port": 80 }] } });
    objects.put(service("kubernetes", "default", "10.0.0.1"));
    objects.put(service("web", "ns", "10.0.0.2"));
    objects.put(service("other", "default", "10.0.0.3"));
    objects
}

async fn environment(container: Value, pod: Value) -> Result<Variables, ConfigError> {
    let mut object = json!({ "metadata": { "name": "p", "namespace": "ns" }, "spec": pod });
    object["spec"]["containers"] = json!([container]);
    let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
    let node = NodeSettings::default();
    let context = FieldContext {
        node: &node,
        pod_ips: &["10.1.1.1".parse().unwrap()],
    };
    Environment {
        pod: &pod,
        member: &pod.members()[0],
        objects: &objects(),
        fields: context,
        volumes: &MountedVolumes::default(),
    }
    .variables()
    .await
}

async fn own(env: Value) -> Result<Vec<String>, String> {
    let container = json!({ "name": "c", "env": env });
    let found = environment(container, json!({})).await.map_err(|e| {
        assert_eq!(e.reason, "CreateContainerConfigError");
        e.message
    })?;
    let own = found
        .iter()
        .filter(|(key, _)| !key.contains("_PORT") && !key.contains("_SERVICE"));
    Ok(own.map(|(key, value)| format!("{key}={value}")).collect())
}

#[tokio::test]
async fn services_are_told() {
    let plain = json!({ "name": "c" });
    let found = environment(plain.clone(), json!({})).await.unwrap();
    assert_eq!(found["KUBERNETES_SERVICE_HOST"], "10.0.0.1");
    assert_eq!(found["WEB_SERVICE_HOST"], "10.0.0.2");
    assert!(!found.contains_key("OTHER_SERVICE_HOST"));
    let found = environment(plain, json!({ "enableServiceLinks": false }))
        .await
        .unwrap();
    assert!(found.contains_key("KUBERNETES_SERVICE_HOST") && !found.contains_key("WEB_SERVICE_HOST"));
    let own = json!({ "name": "c", "env": [{ "name": "WEB_SERVICE_HOST", "value": "mine" },
        { "name": "X", "value": "$(KUBERNETES_SERVICE_HOST)" }] });
    let found = environment(own, json!({})).await.unwrap();
    assert_eq!(
        (found["WEB_SERVICE_HOST"].as_str(), found["X"].as_str()),
        ("mine", "10.0.0.1")
    );
}

#[tokio::test]
async fn values() {
    let env = json!([
        { "name": "A", "value": "1" },
        { "name": "B", "value": "$(A)-$(LATER)-$$(A)" },
        { "name": "LATER", "value": "2" },
        { "name": "EMPTY" },
        { "name": "IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
        { "name": "CPU", "valueFrom": { "resourceFieldRef": { "resource": "requests.cpu" } } },
        { "name": "MAP", "valueFrom": { "configMapKeyRef": { "name": "m", "key": "k" } } },
        { "name": "SECRET", "valueFrom": { "secretKeyRef": { "name": "s", "key": "p" } } },
        { "name": "NONE", "valueFrom": { "secretKeyRef": { "name": "none", "key": "p", "optional": true } } },
        { "name": "NOKEY", "valueFrom": { "configMapKeyRef": { "name": "m", "key": "none", "optional": true } } },
    ]);
    let found = own(env).await.unwrap();
    assert_eq!(
        found,
        [
            "A=1",
            "B=1-$(LATER)-$(A)",
            "CPU=0",
            "EMPTY=",
            "IP=10.1.1.1",
            "LATER=2",
            "MAP=v",
            "SECRET=secret"
        ]
    );
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let from = |source: Value| json!([{ "name": "A", "valueFrom": source }]);
    for (source, message) in [
        (
            json!({ "configMapKeyRef": { "name": "x", "key": "k" } }),
            "configmap \"x\" not found",
        ),
        (
            json!({ "secretKeyRef": { "name": "x", "key": "k" } }),
            "secret \"x\" not found",
        ),
        (
            json!({ "configMapKeyRef": { "name": "m", "key": "x" } }),
            "couldn't find key x in ConfigMap ns/m",
        ),
        (
            json!({ "secretKeyRef": { "name": "s", "key": "x" } }),
            "couldn't find key x in Secret ns/s",
        ),
    ] {
        assert_eq!(own(from(source)).await.unwrap_err(), message);
    }
}

#[tokio::test]
async fn whole_objects() {
    let container =
        |from: Value| json!({ "name": "c", "envFrom": from, "env": [{ "name": "X_p", "value": "own" }] });
    let from = json!([
        { "configMapRef": { "name": "m" } },
        { "prefix": "X_", "secretRef": { "name": "s" } },
        { "configMapRef": { "name": "none", "optional": true } },
    ]);
    let found = environment(container(from), json!({})).await.unwrap();
    assert_eq!((found["k"].as_str(), found["X_p"].as_str()), ("v", "own"));
    assert!(!found.contains_key("a=b"));
    let error = environment(container(json!([{ "secretRef": { "name": "none" } }])), json!({})).await;
    assert_eq!(error.unwrap_err().message, "secret \"none\" not found");
}
