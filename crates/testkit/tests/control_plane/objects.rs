//! Objects through kubectl: create, read, change, delete.

use testkit::ServerBuilder;

const CONFIG_MAP: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {a: "1", b: "2"}
"#;

#[test]
fn apply_changes_and_removes_fields() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run_with(&["apply", "-f", "-"], CONFIG_MAP);
    let changed = CONFIG_MAP.replace(r#"{a: "1", b: "2"}"#, r#"{a: "3"}"#);
    let difference = kubectl.call_with(&["diff", "-f", "-"], &changed);
    assert_eq!(difference.code, 1, "{difference:?}");
    kubectl.run_with(&["apply", "-f", "-"], &changed);
    let map = kubectl.json(&["get", "configmap", "settings"]);
    assert_eq!(map["data"], serde_json::json!({ "a": "3" }));
}

#[test]
fn server_side_apply_creates_and_updates() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let apply = ["apply", "--server-side", "-f", "-"];
    kubectl.run_with(&apply, CONFIG_MAP);
    kubectl.run_with(&apply, &CONFIG_MAP.replace(r#", b: "2""#, ""));
    let map = kubectl.json(&["get", "configmap", "settings"]);
    assert_eq!(map["data"], serde_json::json!({ "a": "1" }));
    let other = CONFIG_MAP.replace(r#"a: "1""#, r#"a: "9""#);
    let refused = kubectl.call_with(
        &["apply", "--server-side", "--field-manager=other", "-f", "-"],
        &other,
    );
    assert!(
        refused.stderr.contains("conflict with \"kubectl\""),
        "{refused:?}"
    );
}

#[test]
fn labels_annotations_and_selectors() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "configmap", "one"]);
    kubectl.run(&["create", "configmap", "two"]);
    kubectl.run(&["label", "configmap", "one", "tier=front"]);
    kubectl.run(&["annotate", "configmap", "one", "note=hello"]);
    assert_eq!(
        kubectl.run(&["get", "configmaps", "-l", "tier=front", "-o", "name"]),
        "configmap/one"
    );
    assert_eq!(
        kubectl.run(&[
            "get",
            "configmaps",
            "--field-selector=metadata.name=two",
            "-o",
            "name"
        ]),
        "configmap/two"
    );
    assert_eq!(
        kubectl.run(&[
            "get",
            "configmap",
            "one",
            "-o",
            "jsonpath={.metadata.annotations.note}"
        ]),
        "hello"
    );
    let columns = [
        "get",
        "configmap",
        "one",
        "--no-headers",
        "-o",
        "custom-columns=N:.metadata.name",
    ];
    assert_eq!(kubectl.run(&columns), "one");
}

#[test]
fn a_namespace_takes_what_is_in_it_along() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "namespace", "team"]);
    kubectl.run(&["create", "configmap", "inside", "-n", "team"]);
    kubectl.run(&["delete", "namespace", "team", "--timeout=60s"]);
    assert!(
        kubectl
            .refused(&["get", "configmap", "inside", "-n", "team"])
            .contains("not found")
    );
    assert!(
        kubectl
            .refused(&["get", "namespace", "team"])
            .contains("not found")
    );
}

#[test]
fn wrong_objects_are_refused_in_upstreams_words() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let check = |object: &str, says: &str| {
        let refused = kubectl.call_with(&["create", "-f", "-"], object);
        assert!(
            refused.code != 0 && refused.stderr.contains(says),
            "{says:?} is not in {refused:?}"
        );
    };
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ";
    check(
        &format!("{map}Wrong}}"),
        "a lowercase RFC 1123 subdomain must consist of",
    );
    check(&format!("{map}x}}\nnonsense: 1"), "unknown field \"nonsense\"");
    check(
        &format!("{map}x}}\ndata: {{a: 1}}"),
        "ConfigMap.data of type string",
    );
}

#[test]
fn discovery_and_explain_know_the_kinds() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let resources = kubectl.run(&["api-resources", "--no-headers"]);
    assert_eq!(
        resources
            .lines()
            .filter(|line| line.starts_with("deployments "))
            .count(),
        1,
        "{resources}"
    );
    assert!(kubectl.run(&["api-versions"]).contains("apps/v1"));
    let explained = kubectl.run(&["explain", "deployment.spec.strategy.rollingUpdate"]);
    assert!(explained.contains("maxSurge"), "{explained}");
    assert!(!explained.contains("<no description>"), "{explained}");
}
