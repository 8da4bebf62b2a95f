//! As a kubelet sees it.

use meta::{GroupVersionResource, User};
use serde_json::{Value, json};

use super::*;
use crate::testing::{FakeCluster, Write};

fn plugin() -> NodeRestriction {
    let pod = |name: &str, node: &str| json!({"metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}")}, "spec": {"nodeName": node}});
    let cluster = FakeCluster::default()
        .with(&NODES, json!({"metadata": {"name": "n1", "uid": "u1"}}))
        .with(&PODS, pod("p", "n1"))
        .with(&PODS, pod("q", "n2"));
    NodeRestriction {
        cluster: cluster.shared(),
    }
}

fn kubelet() -> User {
    User::new("system:node:n1", &["system:nodes"])
}

async fn check(write: Write, expected: Option<&str>) {
    let outcome = write.by(kubelet()).through(&plugin()).await;
    assert_eq!(outcome.err().as_deref(), expected);
}

#[tokio::test]
async fn only_kubelets_are_restricted() {
    let node = json!({"metadata": {"name": "n2"}});
    let admin = Write::create(&NODES, node.clone()).through(&plugin()).await;
    assert_eq!(admin, Ok(node));
}

#[tokio::test]
async fn a_node_is_its_kubelets_own() {
    let node = |name: &str, labels: Value, spec: Value| json!({"metadata": {"name": name, "labels": labels}, "spec": spec});
    let plain = || node("n1", json!({}), json!({}));
    let cases = [
        (Write::create(&NODES, plain()), None),
        (
            Write::create(&NODES, node("n2", json!({}), json!({}))),
            Some("nodes \"n2\" is forbidden: node \"n1\" is not allowed to modify node \"n2\""),
        ),
        (
            Write::create(
                &NODES,
                node(
                    "n1",
                    json!({"foo.kubernetes.io/b": "", "node-role.kubernetes.io/x": ""}),
                    json!({}),
                ),
            ),
            Some(
                "nodes \"n1\" is forbidden: node \"n1\" is not allowed to set the following labels: foo.kubernetes.io/b, \
                 node-role.kubernetes.io/x",
            ),
        ),
        (
            Write::create(&NODES, node("n1", json!({}), json!({"configSource": {}}))),
            Some(
                "nodes \"n1\" is forbidden: node \"n1\" is not allowed to create pods with a non-nil configSource",
            ),
        ),
        (
            Write::update(
                &NODES,
                plain(),
                node("n1", json!({"example.com/a": "b"}), json!({})),
            ),
            None,
        ),
        (
            Write::update(&NODES, plain(), node("n1", json!({"x.k8s.io/y": "z"}), json!({}))),
            Some("nodes \"n1\" is forbidden: is not allowed to modify labels: x.k8s.io/y"),
        ),
        (
            Write::update(
                &NODES,
                plain(),
                node("n1", json!({}), json!({"taints": [{"key": "a"}]})),
            ),
            Some("nodes \"n1\" is forbidden: node \"n1\" is not allowed to modify taints"),
        ),
        (Write::update(&NODES, plain(), plain()).below("status"), None),
    ];
    for (write, expected) in cases {
        check(write, expected).await;
    }
}

#[tokio::test]
async fn pods_are_reported_on_by_the_node_they_run_on() {
    let pod = |node: &str, labels: Value| json!({"metadata": {"name": "p", "namespace": "ns", "labels": labels}, "spec": {"nodeName": node}});
    let cases = [
        (
            Write::update(&PODS, pod("n1", json!({})), pod("n1", json!({}))).below("status"),
            None,
        ),
        (
            Write::update(&PODS, pod("n2", json!({})), pod("n2", json!({}))).below("status"),
            Some(
                "pods \"p\" is forbidden: node \"n1\" can only update pod status for pods with spec.nodeName set to itself",
            ),
        ),
        (
            Write::update(&PODS, pod("n1", json!({})), pod("n1", json!({"a": "b"}))).below("status"),
            Some("pods \"p\" is forbidden: node \"n1\" cannot update labels through pod status"),
        ),
        (Write::delete(&PODS, pod("n1", json!({}))), None),
        (
            Write::delete(&PODS, pod("", json!({}))),
            Some(
                "pods \"p\" is forbidden: node \"n1\" can only delete pods with spec.nodeName set to itself",
            ),
        ),
        (Write::create(&PODS, pod("", json!({}))).below("eviction"), None),
    ];
    for (write, expected) in cases {
        check(write, expected).await;
    }
    let evict_other = json!({"metadata": {"name": "q", "namespace": "ns"}});
    let why = "pods \"q\" is forbidden: node n1 can only evict pods with spec.nodeName set to itself";
    check(Write::create(&PODS, evict_other).below("eviction"), Some(why)).await;
}

#[tokio::test]
async fn mirror_pods_are_all_a_kubelet_makes() {
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u1", "controller": true});
    let mirror = json!({
        "metadata": {
            "name": "m", "namespace": "ns", "annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": [owner],
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "c"}]},
    });
    let with = |pointer: &str, value: Value| {
        let mut mirror = mirror.clone();
        *mirror.pointer_mut(pointer).unwrap() = value;
        mirror
    };
    let only = |what: &str| format!("node \"n1\" can only create pods with {what} set to itself");
    let cases = [
        (mirror.clone(), None),
        (
            with("/metadata/ownerReferences", json!([])),
            Some(only("an owner reference")),
        ),
        (
            with("/metadata/ownerReferences", json!([owner, owner])),
            Some(only("a single owner reference")),
        ),
        (
            with("/metadata/ownerReferences/0/kind", json!("Pod")),
            Some(only("an owner reference")),
        ),
        (
            with("/metadata/ownerReferences/0/name", json!("n2")),
            Some(only("an owner reference")),
        ),
        (
            with("/metadata/ownerReferences/0/controller", json!(false)),
            Some(only("a controller owner reference")),
        ),
        (with("/spec/nodeName", json!("n2")), Some(only("spec.nodeName"))),
        (
            with("/metadata/ownerReferences/0/uid", json!("other")),
            Some(String::from("node n1 UID mismatch: expected other got u1")),
        ),
        (
            with("/metadata/annotations", json!({})),
            Some(String::from(
                "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"n1\" can only create mirror pods",
            )),
        ),
        (
            with(
                "/spec/containers",
                json!([{"name": "c", "envFrom": [{"configMapRef": {"name": "x"}}]}]),
            ),
            Some(String::from(
                "node \"n1\" can not create pods that reference configmaps",
            )),
        ),
    ];
    for (pod, why) in cases {
        let expected = why.map(|why| format!("pods \"m\" is forbidden: {why}"));
        check(Write::create(&PODS, pod), expected.as_deref()).await;
    }
}

#[tokio::test]
async fn what_is_named_after_a_node_is_the_nodes() {
    let lease = |namespace: &str, name: &str| json!({"metadata": {"name": name, "namespace": namespace}});
    let cases: [(&GroupVersionResource, Value, Option<&str>); 4] = [
        (&LEASES, lease("kube-node-lease", "n1"), None),
        (
            &LEASES,
            lease("kube-node-lease", "n2"),
            Some(
                "leases.coordination.k8s.io \"n2\" is forbidden: can only access node lease with the same name as the \
                 requesting node",
            ),
        ),
        (&CSI_NODES, lease("", "n1"), None),
        (
            &CSI_NODES,
            lease("", "n2"),
            Some(
                "csinodes.storage.k8s.io \"n2\" is forbidden: can only access CSINode with the same name as the requesting \
                 node",
            ),
        ),
    ];
    for (resource, object, expected) in cases {
        check(Write::create(resource, object), expected).await;
    }
}

#[tokio::test]
async fn tokens_are_for_pods_on_the_node() {
    let ask = |bound: Value, audiences: Value| {
        let spec = json!({"boundObjectRef": bound, "audiences": audiences});
        let body = json!({"metadata": {"name": "default", "namespace": "ns"}, "spec": spec});
        Write::create(&SERVICE_ACCOUNTS, body).below("token")
    };
    let pod = |name: &str, uid: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid});
    let cases = [
        (Value::Null, "node requested token not bound to a pod"),
        (
            pod("p", ""),
            "node requested token with a pod binding without a uid",
        ),
        (
            pod("p", "x"),
            "the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted \
             and then recreated",
        ),
        (
            pod("q", "uid-q"),
            "node requested token bound to a pod scheduled on a different node",
        ),
        (
            pod("p", "uid-p"),
            "audience \"vault\" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this \
             audience",
        ),
    ];
    for (bound, why) in cases {
        let expected = format!("serviceaccounts \"default\" is forbidden: {why}");
        check(ask(bound, json!(["vault"])), Some(&expected)).await;
    }
}
