//! Kinds that users define, with kubectl: from the definition to the last object.

use serde_json::{Value, json};
use testkit::{Kubectl, ServerBuilder};

use crate::webhooks::Webhook;

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    selectableFields: [{jsonPath: .spec.color}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What is wanted of the widget.
            properties:
              size: {type: integer, minimum: 1, default: 3, description: How large it is.}
              color: {type: string, enum: [red, green]}
              replicas: {type: integer}
          status: {type: object, properties: {replicas: {type: integer}}}
  - name: v1alpha1
    served: true
    storage: false
    deprecated: true
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
"#;

fn define(kubectl: &Kubectl) {
    kubectl.run_with(&["apply", "-f", "-"], DEFINITION);
    kubectl.run(&[
        "wait",
        "--for=condition=Established",
        "crd/widgets.example.com",
        "--timeout=30s",
    ]);
}

fn widget(name: &str, spec: Value) -> String {
    json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec,
    })
    .to_string()
}

#[test]
fn objects_of_a_defined_kind_live_like_others() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    define(&kubectl);
    kubectl.run_with(
        &["create", "-f", "-"],
        &widget("one", json!({"color": "red", "replicas": 1})),
    );
    kubectl.run_with(
        &["apply", "-f", "-"],
        &widget("two", json!({"color": "green", "size": 7})),
    );
    let one = kubectl.json(&["get", "wd", "one"]);
    assert_eq!(one["spec"], json!({"color": "red", "replicas": 1, "size": 3}));
    let table = kubectl.run(&["get", "widgets", "two", "--no-headers", "-o", "wide"]);
    assert_eq!(table.split_whitespace().collect::<Vec<_>>(), ["two", "7"]);
    let green = [
        "get",
        "widgets",
        "--field-selector=spec.color=green",
        "-o",
        "name",
    ];
    assert_eq!(kubectl.run(&green), "widget.example.com/two");
    kubectl.run(&["scale", "widget", "one", "--replicas=4"]);
    kubectl.run(&[
        "patch",
        "wd",
        "one",
        "--type=merge",
        "-p",
        r#"{"spec":{"color":"green"}}"#,
    ]);
    let one = kubectl.json(&["get", "wd", "one"]);
    assert_eq!(
        (&one["spec"]["replicas"], &one["metadata"]["generation"]),
        (&json!(4), &json!(3))
    );
    let all = kubectl.run(&["get", "all", "-o", "name"]);
    assert!(all.contains("widget.example.com/one"), "{all}");
    kubectl.run(&["delete", "widget", "one"]);
    assert!(kubectl.refused(&["get", "widget", "one"]).contains("not found"));
}

#[test]
fn the_schema_of_a_definition_is_enforced_and_explained() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    define(&kubectl);
    let refused = kubectl.call_with(&["create", "-f", "-"], &widget("bad", json!({"size": 0})));
    let expected = "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1";
    assert!(refused.stderr.contains(expected), "{refused:?}");
    let unknown = kubectl.call_with(&["create", "-f", "-"], &widget("bad", json!({"sise": 1})));
    assert!(
        unknown.stderr.contains("unknown field \"spec.sise\""),
        "{unknown:?}"
    );
    let explained = kubectl.run(&["explain", "widget.spec"]);
    assert!(explained.contains("What is wanted of the widget."), "{explained}");
    assert!(explained.contains("How large it is."), "{explained}");
}

#[test]
fn other_versions_show_the_same_objects() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    define(&kubectl);
    let old = widget("old", json!({"color": "red"})).replace("example.com/v1", "example.com/v1alpha1");
    let made = kubectl.call_with(&["create", "-f", "-"], &old);
    let warning = "example.com/v1alpha1 Widget is deprecated; use example.com/v1 Widget";
    assert!(made.stderr.contains(warning), "{made:?}");
    let new = kubectl.json(&["get", "widgets.v1.example.com", "old"]);
    assert_eq!(
        (&new["apiVersion"], &new["spec"]["size"]),
        (&json!("example.com/v1"), &json!(3))
    );
    let old = kubectl.json(&["get", "widgets.v1alpha1.example.com", "old"]);
    assert_eq!(old["apiVersion"], "example.com/v1alpha1");

    // Who gives a field up in another version gives it up all the same: its default is back.
    let apply = ["apply", "--server-side", "--field-manager=one", "-f", "-"];
    kubectl.run_with(&apply, &widget("changing", json!({"size": 5, "color": "red"})));
    let other = widget("changing", json!({"color": "red"})).replace("example.com/v1", "example.com/v1alpha1");
    kubectl.run_with(&apply, &other);
    let changed = kubectl.json(&["get", "widgets.v1.example.com", "changing"]);
    assert_eq!(changed["spec"], json!({"size": 3, "color": "red"}));
}

#[test]
fn a_definition_takes_its_objects_along() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    define(&kubectl);
    kubectl.run_with(&["create", "-f", "-"], &widget("one", json!({})));
    kubectl.run(&["delete", "crd", "widgets.example.com", "--timeout=60s"]);
    assert!(
        kubectl
            .refused(&["get", "crd", "widgets.example.com"])
            .contains("not found")
    );
    let gone = kubectl.refused(&["get", "--raw", "/apis/example.com/v1/widgets"]);
    assert!(
        gone.contains("NotFound") || gone.contains("could not find"),
        "{gone}"
    );
    // Defined anew, it has no objects.
    define(&kubectl);
    assert_eq!(kubectl.run(&["get", "widgets", "-o", "name"]), "");
}

#[test]
fn owners_and_namespaces_take_custom_objects_along() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    define(&kubectl);
    kubectl.run_with(&["create", "-f", "-"], &widget("owner", json!({})));
    let owner = kubectl.json(&["get", "widget", "owner"]);
    let reference = json!([{
        "apiVersion": "example.com/v1", "kind": "Widget", "name": "owner", "uid": owner["metadata"]["uid"],
    }]);
    let owned = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": reference},
    });
    kubectl.run_with(&["create", "-f", "-"], &owned.to_string());
    kubectl.run(&["delete", "widget", "owner"]);
    kubectl.run(&["wait", "--for=delete", "configmap/owned", "--timeout=60s"]);
    kubectl.run(&["create", "namespace", "team"]);
    kubectl.run_with(&["create", "-n", "team", "-f", "-"], &widget("inside", json!({})));
    kubectl.run(&["delete", "namespace", "team", "--timeout=60s"]);
    assert_eq!(kubectl.run(&["get", "widgets", "-A", "-o", "name"]), "");
}

/// What a webhook answers that knows the size of version 1 as the length of version 2.
pub(crate) fn converted(review: &Value) -> Value {
    let request = &review["request"];
    let (from, to) = match request["desiredAPIVersion"].as_str() {
        Some("example.com/v2") => ("size", "length"),
        _ => ("length", "size"),
    };
    let objects = request["objects"].as_array().into_iter().flatten().map(|object| {
        let mut object = object.clone();
        object["apiVersion"] = request["desiredAPIVersion"].clone();
        if let Some(spec) = object["spec"].as_object_mut()
            && let Some(value) = spec.remove(from)
        {
            spec.insert(to.to_owned(), value);
        }
        object
    });
    json!({
        "apiVersion": review["apiVersion"], "kind": review["kind"],
        "response": {
            "uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects.collect::<Vec<_>>(),
        },
    })
}

fn converting(webhook: &Webhook) -> String {
    let version = |name: &str, field: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {field: {"type": "integer"}}},
            }}},
        })
    };
    let client =
        json!({"url": format!("https://{}/convert", webhook.address), "caBundle": webhook.authority});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "ropes.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "ropes", "kind": "Rope"},
            "versions": [version("v1", "size", true), version("v2", "length", false)],
            "conversion": {"strategy": "Webhook", "webhook": {
                "clientConfig": client, "conversionReviewVersions": ["v1"],
            }},
        },
    })
    .to_string()
}

fn rope(version: &str, name: &str, field: &str, value: i64) -> String {
    json!({
        "apiVersion": format!("example.com/{version}"), "kind": "Rope", "metadata": {"name": name},
        "spec": {field: value},
    })
    .to_string()
}

#[test]
fn a_webhook_converts_between_versions() {
    let webhook = Webhook::start();
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run_with(&["apply", "-f", "-"], &converting(&webhook));
    kubectl.run(&[
        "wait",
        "--for=condition=Established",
        "crd/ropes.example.com",
        "--timeout=30s",
    ]);
    kubectl.run_with(&["create", "-f", "-"], &rope("v1", "old", "size", 5));
    kubectl.run_with(&["create", "-f", "-"], &rope("v2", "new", "length", 7));
    let seen = |resource: &str, name: &str| kubectl.json(&["get", resource, name])["spec"].clone();
    assert_eq!(seen("ropes.v2.example.com", "old"), json!({"length": 5}));
    assert_eq!(seen("ropes.v1.example.com", "new"), json!({"size": 7}));
    kubectl.run(&[
        "patch",
        "ropes.v2.example.com",
        "old",
        "--type=merge",
        "-p",
        r#"{"spec":{"length":6}}"#,
    ]);
    assert_eq!(seen("ropes.v1.example.com", "old"), json!({"size": 6}));
    let list = kubectl.json(&["get", "ropes.v2.example.com"]);
    let lengths: Vec<&Value> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|rope| &rope["spec"]["length"])
        .collect();
    assert_eq!(lengths, [&json!(7), &json!(6)]);
    drop(webhook);
    // What was seen in a version is remembered; what is new cannot be.
    kubectl.run_with(&["create", "-f", "-"], &rope("v1", "late", "size", 1));
    let refused = kubectl.refused(&["get", "ropes.v2.example.com", "late"]);
    assert!(
        refused.contains("conversion webhook for example.com/v1, Kind=Rope failed"),
        "{refused}"
    );
}

#[test]
fn what_was_defined_is_served_after_a_restart() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    define(&kubectl);
    kubectl.run_with(&["create", "-f", "-"], &widget("one", json!({"color": "red"})));
    let builder = server.builder();
    assert!(server.stop().success());
    let server = builder.start();
    let one = server.kubectl().json(&["get", "wd", "one"]);
    assert_eq!(one["spec"], json!({"color": "red", "size": 3}));
}
