//! Bodies of API requests: JSON, YAML and protobuf, against the type table.

use meta::GroupVersionKind;
use schema::{FieldValidation, SchemaRef, builtin, decode_json, decode_protobuf, encode_protobuf};
use serde_json::json;

use super::Target;

/// Strict decoding of JSON.
pub const JSON: Target = Target {
    name: "schema-json",
    run: |data| {
        let Some((schema, body)) = choose(data) else {
            return;
        };
        for validation in [
            FieldValidation::Strict,
            FieldValidation::Warn,
            FieldValidation::Ignore,
        ] {
            if let Ok((value, _)) = decode_json(body, schema, validation) {
                let written = serde_json::to_vec(&value).expect("a tree can be written");
                let (again, _) = decode_json(&written, schema, validation).expect("it was written just now");
                assert_eq!(again, value, "decoding is idempotent");
            }
        }
        let _ = schema::type_meta(body);
    },
    seeds: || with_kinds(&objects()),
};

/// YAML, which is taken for JSON's sake.
pub const YAML: Target = Target {
    name: "schema-yaml",
    run: |data| {
        let Ok(document) = schema::YamlDocument::parse(data) else {
            return;
        };
        let written = schema::to_yaml(document.value());
        let again = schema::YamlDocument::parse(written.as_bytes()).expect("it was written just now");
        assert_eq!(again.value(), document.value(), "{written}");
    },
    seeds: || {
        let mut seeds: Vec<Vec<u8>> = objects()
            .iter()
            .filter_map(|object| serde_json::from_slice(object).ok())
            .map(|object: serde_json::Value| schema::to_yaml(&object).into_bytes())
            .collect();
        seeds.push(b"a: &x [1, 2]\nb: *x\nc: !!str 3\n? d\n: |\n  text\n  more\n".to_vec());
        seeds.push(b"{a: 'b', \"c\": [~, true, 0x1f, 1e3, .inf]}\n".to_vec());
        seeds
    },
};

/// Protobuf, alone and in Kubernetes' envelope. What can be read and written is read the same again.
pub const PROTOBUF: Target = Target {
    name: "schema-protobuf",
    run: |data| {
        let Some((schema, body)) = choose(data) else {
            return;
        };
        let _ = schema::protobuf::decode_message(body, schema);
        let Ok(value) = decode_protobuf(body, schema) else {
            return;
        };
        let Ok(written) = encode_protobuf(&value, schema) else {
            return;
        };
        let again = decode_protobuf(&written, schema).expect("it was written just now");
        assert_eq!(again, value);
    },
    seeds: || {
        let mut seeds = Vec::new();
        for (number, object) in objects().iter().enumerate() {
            let Ok((value, _)) = decode_json(object, kind(number), FieldValidation::Ignore) else {
                continue;
            };
            if let Ok(written) = encode_protobuf(&value, kind(number)) {
                seeds.push([vec![number as u8], written].concat());
            }
        }
        seeds
    },
};

const KINDS: [GroupVersionKind; 5] = [
    GroupVersionKind::new("", "v1", "Pod"),
    GroupVersionKind::new("apps", "v1", "Deployment"),
    GroupVersionKind::new("", "v1", "ConfigMap"),
    GroupVersionKind::new("", "v1", "Service"),
    GroupVersionKind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
];

/// The type of an object.
pub fn kind(number: usize) -> SchemaRef<'static> {
    builtin(&KINDS[number % KINDS.len()]).expect("a kind of every cluster")
}

/// The first byte says which kind the rest is to be.
fn choose(data: &[u8]) -> Option<(SchemaRef<'static>, &[u8])> {
    let (&number, body) = data.split_first()?;
    Some((kind(number.into()), body))
}

fn with_kinds(objects: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let seeds = objects.iter().enumerate();
    seeds
        .map(|(number, object)| [&[number as u8], &object[..]].concat())
        .collect()
}

/// An object of each kind.
pub fn objects() -> Vec<Vec<u8>> {
    let metadata = json!({
        "name": "a", "namespace": "ns", "labels": {"app": "x"}, "annotations": {"a": "b"},
        "creationTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["f"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}],
    });
    let pod = json!({
        "containers": [{
            "name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "env": [{"name": "A", "value": "1"}],
            "resources": {"limits": {"cpu": "100m", "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
        }],
        "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}],
    });
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}});
    let objects = [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata.clone(), "spec": pod.clone()}),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata.clone(),
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "x"}},
                "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
                "template": {"metadata": {"labels": {"app": "x"}}, "spec": pod},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata.clone(),
            "data": {"a": "b"}, "binaryData": {"c": "AAEC"},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"app": "x"}},
        }),
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "as.b.c"},
            "spec": {
                "group": "b.c", "scope": "Namespaced", "names": {"plural": "as", "kind": "A"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
            },
        }),
    ];
    objects
        .iter()
        .map(|object| object.to_string().into_bytes())
        .collect()
}
