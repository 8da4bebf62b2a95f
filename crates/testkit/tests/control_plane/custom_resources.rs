//! Kinds that users define, with kubectl: from the definition to the last object.

use serde_json::{Value, json};
use testkit::{Kubectl, ServerBuilder};

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
