//! Workloads without a node: everything is there but a place to run.

use std::time::Duration;

use serde_json::Value;
use testkit::{Kubectl, ServerBuilder, eventually};

const SOON: Duration = Duration::from_secs(30);

fn pods(kubectl: &Kubectl, count: usize) -> Vec<Value> {
    eventually("pods of the deployment", SOON, || {
        let list = kubectl.json(&["get", "pods", "-l", "app=web"]);
        list["items"]
            .as_array()
            .filter(|items| items.len() == count)
            .cloned()
    })
}

#[test]
fn a_deployment_has_pods_that_wait_for_a_node() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&[
        "create",
        "deployment",
        "web",
        "--image=localhost/web:1",
        "--replicas=3",
    ]);
    pods(&kubectl, 3);
    let message = eventually("a reason for the wait", SOON, || {
        let pod = pods(&kubectl, 3).remove(0);
        pod["status"]["conditions"][0]["message"]
            .as_str()
            .map(str::to_owned)
    });
    assert_eq!(message, "no nodes available to schedule pods");
    let table = kubectl.run(&["get", "pods"]);
    assert!(
        table.starts_with("NAME") && table.contains("0/1     Pending   0"),
        "{table}"
    );
    let described = kubectl.run(&["describe", "deployment", "web"]);
    assert!(described.contains("ScalingReplicaSet"), "{described}");
}

#[test]
fn scaling_and_new_templates_reach_the_pods() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "deployment", "web", "--image=localhost/web:1"]);
    pods(&kubectl, 1);
    kubectl.run(&["scale", "deployment", "web", "--replicas=2"]);
    pods(&kubectl, 2);
    kubectl.run(&["set", "image", "deployment/web", "web=localhost/web:2"]);
    eventually("a pod of the new template", SOON, || {
        let list = kubectl.run(&["get", "pods", "-l", "app=web", "-o", "jsonpath={..image}"]);
        list.contains("localhost/web:2").then_some(())
    });
    assert!(
        kubectl
            .run(&["rollout", "history", "deployment/web"])
            .contains('2')
    );
}
