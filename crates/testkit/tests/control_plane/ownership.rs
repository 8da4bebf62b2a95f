//! Owners and what they own: what becomes of dependents when kubectl deletes the owner.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Kubectl, ServerBuilder, eventually};

const SOON: Duration = Duration::from_secs(30);

fn config_map(name: &str, owners: &Value) -> String {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "ownerReferences": owners } })
        .to_string()
}

fn owner(kubectl: &Kubectl, name: &str, blocks: bool) -> Value {
    let uid = kubectl.run(&["get", "configmap", name, "-o", "jsonpath={.metadata.uid}"]);
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": blocks })
}

fn create(kubectl: &Kubectl, name: &str, owners: &[Value]) {
    kubectl.run_with(&["create", "-f", "-"], &config_map(name, &Value::from(owners)));
}

fn is_there(kubectl: &Kubectl, what: &[&str]) -> bool {
    !kubectl
        .run(&[&["get", "--ignore-not-found", "-o", "name"], what].concat())
        .is_empty()
}

fn gone(kubectl: &Kubectl, what: &[&str]) {
    eventually(&format!("{what:?} is gone"), SOON, || {
        (!is_there(kubectl, what)).then_some(())
    });
}

fn web(kubectl: &Kubectl) {
    kubectl.run(&[
        "create",
        "deployment",
        "web",
        "--image=localhost/web:1",
        "--replicas=2",
    ]);
    eventually("pods of the deployment", SOON, || {
        let pods = kubectl.run(&["get", "pods", "-l", "app=web", "-o", "name"]);
        (pods.lines().count() == 2).then_some(())
    });
}

#[test]
fn dependents_go_as_kubectl_asks() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();

    web(&kubectl);
    kubectl.run(&["delete", "deployment", "web", "--cascade=background"]);
    gone(&kubectl, &["replicasets,pods", "-l", "app=web"]);

    web(&kubectl);
    // kubectl waits until the deployment is gone, and that waits for its dependents.
    kubectl.run(&[
        "delete",
        "deployment",
        "web",
        "--cascade=foreground",
        "--timeout=30s",
    ]);
    assert!(!is_there(&kubectl, &["replicasets,pods", "-l", "app=web"]));

    web(&kubectl);
    kubectl.run(&["delete", "deployment", "web", "--cascade=orphan", "--timeout=30s"]);
    let sets = kubectl.json(&["get", "replicasets", "-l", "app=web"]);
    assert_eq!(sets["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(sets["items"][0]["metadata"]["ownerReferences"], Value::Null);
    let pods = kubectl.run(&["get", "pods", "-l", "app=web", "-o", "name"]);
    assert_eq!(pods.lines().count(), 2);
}

#[test]
fn an_object_stays_while_one_owner_does() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    create(&kubectl, "a", &[]);
    create(&kubectl, "b", &[]);
    let owners = [owner(&kubectl, "a", false), owner(&kubectl, "b", false)];
    create(&kubectl, "child", &owners);
    kubectl.run(&["delete", "configmap", "a"]);
    eventually("the owner that is gone is forgotten", SOON, || {
        let names = kubectl.run(&[
            "get",
            "configmap",
            "child",
            "-o",
            "jsonpath={.metadata.ownerReferences[*].name}",
        ]);
        (names == "b").then_some(())
    });
    kubectl.run(&["delete", "configmap", "b"]);
    gone(&kubectl, &["configmap", "child"]);
}

#[test]
fn owners_that_never_were_or_live_elsewhere_keep_nothing() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let nobody = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "1-2-3" });
    create(&kubectl, "stray", &[nobody]);
    gone(&kubectl, &["configmap", "stray"]);

    create(&kubectl, "a", &[]);
    kubectl.run(&["create", "namespace", "other"]);
    let elsewhere = config_map("child", &Value::from(vec![owner(&kubectl, "a", false)]));
    kubectl.run_with(&["create", "-n", "other", "-f", "-"], &elsewhere);
    gone(&kubectl, &["configmap", "child", "-n", "other"]);
    let message = eventually("an event tells why", SOON, || {
        let events = kubectl.json(&["get", "events", "-n", "other"]);
        let events = events["items"].as_array()?.clone();
        let event = events
            .into_iter()
            .find(|e| e["reason"] == "OwnerRefInvalidNamespace")?;
        event["message"].as_str().map(str::to_owned)
    });
    assert!(
        message.starts_with("ownerRef [v1/ConfigMap, namespace: other, name: a, uid: ")
            && message.ends_with("] does not exist in namespace \"other\""),
        "{message}"
    );
    assert!(is_there(&kubectl, &["configmap", "a"]));
}

#[test]
fn an_owner_waits_in_the_foreground_for_a_finalizer_of_its_dependent() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    create(&kubectl, "a", &[]);
    create(&kubectl, "child", &[owner(&kubectl, "a", true)]);
    let finalizer = r#"{"metadata":{"finalizers":["example.com/wait"]}}"#;
    kubectl.run(&["patch", "configmap", "child", "--type=merge", "-p", finalizer]);
    kubectl.run(&["delete", "configmap", "a", "--cascade=foreground", "--wait=false"]);
    eventually("the dependent is on its way out", SOON, || {
        let time = kubectl.run(&[
            "get",
            "configmap",
            "child",
            "-o",
            "jsonpath={.metadata.deletionTimestamp}",
        ]);
        (!time.is_empty()).then_some(())
    });
    assert!(is_there(&kubectl, &["configmap", "a"]));
    kubectl.run(&[
        "patch",
        "configmap",
        "child",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    gone(&kubectl, &["configmap", "a"]);
}

#[test]
fn owners_in_a_circle_do_not_wait_for_ever() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    create(&kubectl, "a", &[]);
    create(&kubectl, "b", &[owner(&kubectl, "a", true)]);
    create(&kubectl, "c", &[owner(&kubectl, "b", true)]);
    let closed = json!({ "metadata": { "ownerReferences": [owner(&kubectl, "c", true)] } }).to_string();
    kubectl.run(&["patch", "configmap", "a", "--type=merge", "-p", &closed]);
    kubectl.run(&[
        "delete",
        "configmap",
        "a",
        "--cascade=foreground",
        "--timeout=30s",
    ]);
    gone(&kubectl, &["configmaps", "b"]);
    gone(&kubectl, &["configmaps", "c"]);
}

#[test]
fn budgets_tell_how_many_pods_may_be_disrupted() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&[
        "create",
        "pdb",
        "web",
        "--selector=app=web",
        "--max-unavailable=50%",
    ]);
    web(&kubectl);
    let status = eventually("the budget knows its pods", SOON, || {
        let status = kubectl.json(&["get", "pdb", "web"])["status"].take();
        (status["expectedPods"] == 2).then_some(status)
    });
    assert_eq!(status["desiredHealthy"], 1);
    assert_eq!(status["disruptionsAllowed"], 0);
    assert_eq!(status["conditions"][0]["reason"], "InsufficientPods");
}

#[test]
fn roles_gather_the_rules_of_others() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&[
        "create",
        "clusterrole",
        "view-things",
        "--verb=get",
        "--resource=configmaps",
    ]);
    kubectl.run(&["label", "clusterrole", "view-things", "gather=yes"]);
    kubectl.run(&["create", "clusterrole", "all", "--aggregation-rule=gather=yes"]);
    eventually("the rules are gathered", SOON, || {
        let resources = kubectl.run(&[
            "get",
            "clusterrole",
            "all",
            "-o",
            "jsonpath={.rules[*].resources}",
        ]);
        (resources == r#"["configmaps"]"#).then_some(())
    });
}

#[test]
fn pods_of_a_namespace_go_before_the_rest() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "namespace", "n"]);
    eventually("the account that pods of the namespace have", SOON, || {
        is_there(&kubectl, &["-n", "n", "serviceaccount", "default"]).then_some(())
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "namespace": "n", "finalizers": ["test.example/held"] },
        "spec": { "containers": [{ "name": "c", "image": "localhost/web:1" }] },
    });
    kubectl.run_with(&["create", "-f", "-"], &pod.to_string());
    kubectl.run(&["-n", "n", "create", "configmap", "held"]);
    kubectl.run(&["delete", "namespace", "n", "--wait=false"]);
    eventually("the namespace waits for its pod", SOON, || {
        let conditions = kubectl.run(&["get", "namespace", "n", "-o", "jsonpath={.status.conditions}"]);
        conditions
            .contains("test.example/held in 1 resource instances")
            .then_some(())
    });
    assert!(is_there(&kubectl, &["-n", "n", "configmap", "held"]));
    let free = r#"{"metadata":{"finalizers":null}}"#;
    kubectl.run(&["-n", "n", "patch", "pod", "p", "--type=merge", "-p", free]);
    gone(&kubectl, &["namespace", "n"]);
}
