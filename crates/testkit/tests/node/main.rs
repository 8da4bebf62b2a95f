//! Nodes: real containers, volumes, networks, and what survives the loss of what.

mod alone;
mod bad_input;
mod containers;
mod deployments;
mod helm;
mod images;
mod killall;
mod kubectl_streams;
mod placement;
mod probes;
mod self_hosted;
mod services;
mod start;
mod static_pods;
mod verbs;
mod volumes;
mod workers;

use std::time::Duration;

use testkit::{Kubectl, Machine, Server, ServerBuilder, eventually};

/// How long anything may take on a machine that does much else.
const SOON: Duration = Duration::from_secs(60);

/// A server that also works, whose node is Ready.
fn ready_server(machine: &Machine) -> Server {
    let server = ServerBuilder::node(machine, "a").start();
    wait_ready(&server.kubectl(), "a");
    server
}

fn wait_ready(kubectl: &Kubectl, node: &str) {
    eventually("the node", SOON, || {
        let nodes = kubectl.call(&["get", "node", node]);
        (nodes.code == 0).then_some(())
    });
    kubectl.run(&["wait", "--for=condition=Ready", "--timeout=60s", "node", node]);
}

/// Makes objects and waits until the pods of a label are Ready.
fn apply_ready(kubectl: &Kubectl, manifest: &str, label: &str) {
    kubectl.run_with(&["apply", "-f", "-"], manifest);
    wait_pods(kubectl, label);
}

fn wait_pods(kubectl: &Kubectl, label: &str) {
    eventually("pods", SOON, || {
        let pods = kubectl.run(&["get", "pods", "-l", label, "-o", "name"]);
        (!pods.is_empty()).then_some(())
    });
    let waited = kubectl.call(&[
        "wait",
        "--for=condition=Ready",
        "--timeout=60s",
        "pod",
        "-l",
        label,
    ]);
    assert_eq!(
        waited.code,
        0,
        "{}{}",
        waited.stderr,
        kubectl.call(&["describe", "pods", "-l", label]).stdout
    );
}

/// A pod of the web image that sleeps or does as told; `more` goes into its container.
fn shell_pod(name: &str, script: &str, more: &str) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: localhost/web:1
    command: ["sh", "-c", {script:?}]
{more}
"#
    )
}
