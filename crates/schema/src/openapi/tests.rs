//! OpenAPI documents, written and read back.

use std::collections::BTreeSet;

use super::*;

const INFO: Info<'_> = Info {
    title: "Kubernetes",
    version: "1.36",
    descriptions: &(),
};

fn v3(name: &str) -> Value {
    let mut json = Vec::new();
    assert!(
        write_v3(name, INFO, &mut json).expect("writes to memory"),
        "{name}"
    );
    serde_json::from_slice(&json).expect("well-formed JSON")
}

fn v2() -> Value {
    let mut json = Vec::new();
    write_v2(INFO, &[], &mut json).expect("writes to memory");
    serde_json::from_slice(&json).expect("well-formed JSON")
}

/// All references in a value.
fn references<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, into));
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let documents = v3_documents().into_iter().map(|name| v3(&name)).chain([v2()]);
    for document in documents {
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference
                .strip_prefix('#')
                .expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let document = v2();
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths
        .values()
        .flat_map(|item| item.as_object().expect("an item").values());
    let names: Vec<&str> = operations
        .filter_map(|operation| operation.get("operationId")?.as_str())
        .collect();
    let different: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len());
    assert!(different.contains("listAppsV1DeploymentForAllNamespaces"));
}

#[test]
fn there_is_a_document_for_each_group_and_version() {
    let names = v3_documents();
    for name in [
        "api",
        "api/v1",
        "apis",
        "apis/apps",
        "apis/apps/v1",
        "version",
        "openid/v1/jwks",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    let mut out = Vec::new();
    assert!(!write_v3("apis/nothing/v1", INFO, &mut out).expect("writes to memory"));
    assert!(out.is_empty());
}

#[test]
fn a_path_is_described_as_upstream_does() {
    let document = v3("apis/apps/v1");
    let item = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"];
    let text = json!({ "type": "string", "uniqueItems": true });
    assert_eq!(
        item["parameters"],
        json!([
            { "name": "name", "in": "path", "required": true, "schema": text },
            { "name": "namespace", "in": "path", "required": true, "schema": text },
            { "name": "pretty", "in": "query", "schema": text },
        ])
    );
    let scale = json!({ "schema": { "$ref": "#/components/schemas/io.k8s.api.autoscaling.v1.Scale" } });
    let objects = json!({
        "application/json": scale,
        "application/yaml": scale,
        "application/vnd.kubernetes.protobuf": scale,
    });
    assert_eq!(
        item["put"],
        json!({
            "tags": ["apps_v1"],
            "description": "replace scale of the specified Deployment",
            "operationId": "replaceAppsV1NamespacedDeploymentScale",
            "parameters": [
                { "name": "dryRun", "in": "query", "schema": text },
                { "name": "fieldManager", "in": "query", "schema": text },
                { "name": "fieldValidation", "in": "query", "schema": text },
            ],
            "requestBody": { "content": { "*/*": scale }, "required": true },
            "responses": {
                "200": { "description": "OK", "content": objects },
                "201": { "description": "Created", "content": objects },
                "401": { "description": "Unauthorized" },
            },
            "x-kubernetes-action": "put",
            "x-kubernetes-group-version-kind": { "group": "autoscaling", "version": "v1", "kind": "Scale" },
        })
    );
}

#[test]
fn schemas_carry_what_clients_merge_by() {
    let document = v3("api/v1");
    let schemas = &document["components"]["schemas"];
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    for (name, field, schema) in [
        (
            "io.k8s.api.core.v1.ServicePort",
            "protocol",
            json!({ "type": "string", "default": "TCP", "enum": ["SCTP", "TCP", "UDP"] }),
        ),
        (
            "io.k8s.api.core.v1.ServicePort",
            "targetPort",
            reference("io.k8s.apimachinery.pkg.util.intstr.IntOrString"),
        ),
        (
            "io.k8s.api.core.v1.Container",
            "ports",
            json!({
                "type": "array",
                "items": { "allOf": [reference("io.k8s.api.core.v1.ContainerPort")], "default": {} },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "containerPort",
            }),
        ),
        (
            "io.k8s.api.core.v1.Secret",
            "data",
            json!({ "type": "object", "additionalProperties": { "type": "string", "format": "byte" } }),
        ),
        (
            "io.k8s.api.core.v1.PodSpec",
            "nodeSelector",
            json!({
                "type": "object",
                "additionalProperties": { "type": "string", "default": "" },
                "x-kubernetes-map-type": "atomic",
            }),
        ),
    ] {
        assert_eq!(schemas[name]["properties"][field], schema, "{field}");
    }
    assert_eq!(
        schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"],
        json!([{ "group": "", "kind": "Pod", "version": "v1" }])
    );
    assert_eq!(
        schemas["io.k8s.api.core.v1.AppArmorProfile"]["x-kubernetes-unions"],
        json!([{
            "discriminator": "type",
            "fields-to-discriminateBy": { "localhostProfile": "LocalhostProfile" },
        }])
    );
}

#[test]
fn version_2_holds_parameters_once() {
    let document = v2();
    let item = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"];
    let name = item["parameters"][0]["$ref"].as_str().expect("a reference");
    let shared = document.pointer(name.strip_prefix('#').expect("within the document"));
    let expected = json!({
        "name": "name", "in": "path", "required": true, "type": "string", "uniqueItems": true,
    });
    assert_eq!(shared, Some(&expected));
}
