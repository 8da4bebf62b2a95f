//! A part of the API that another server serves, as a user of kubectl meets it: the other server is a pintle of its own, with a
//! custom resource that the first does not know.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Kubectl, Server, ServerBuilder, eventually};

/// How long a server may take to learn of another.
const PATIENCE: Duration = Duration::from_secs(60);
const API_SERVICE: &str = "v1.other.example.com";

fn apply(kubectl: &Kubectl, object: &Value) {
    kubectl.run_with(&["apply", "-f", "-"], &object.to_string());
}

/// A definition of `things`, and the right of a user to them.
fn prepare(other: &Kubectl) {
    apply(
        other,
        &json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.other.example.com"},
            "spec": {
                "group": "other.example.com", "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {
                        "type": "object", "description": "A thing of another server",
                        "properties": {"size": {"type": "integer"}},
                    }},
                }],
            },
        }),
    );
    other.run(&[
        "wait",
        "--for=condition=Established",
        "crd/things.other.example.com",
    ]);
    other.run(&[
        "create",
        "clusterrole",
        "reader",
        "--verb=get,list",
        "--resource=things.other.example.com",
    ]);
    other.run(&[
        "create",
        "clusterrolebinding",
        "reader",
        "--clusterrole=reader",
        "--user=ann",
    ]);
}

/// Registers the other server, which is at a port of this machine.
fn register(kubectl: &Kubectl, other: &Server, port: u16) {
    let authority = std::fs::read(other.builder().data_dir().join("pki/ca.crt")).expect("it is there");
    apply(
        kubectl,
        &json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "namespace": "default"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        }),
    );
    apply(
        kubectl,
        &json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": API_SERVICE},
            "spec": {
                "group": "other.example.com", "version": "v1", "groupPriorityMinimum": 2000, "versionPriority": 10,
                "caBundle": STANDARD.encode(authority),
                "service": {"namespace": "default", "name": "other", "port": port},
            },
        }),
    );
}

fn port_of(server: &Server) -> u16 {
    let kubeconfig = std::fs::read_to_string(server.kubeconfig()).expect("it is there");
    let url = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: "));
    let port = url.and_then(|url| url.rsplit(':').next()?.trim_matches('"').parse().ok());
    port.expect("a URL with a port")
}

/// Until the condition says so.
fn condition(kubectl: &Kubectl, status: &str, reason: &str) -> Value {
    eventually(&format!("{status} because of {reason}"), PATIENCE, || {
        let service = kubectl.json(&["get", "apiservice", API_SERVICE]);
        let mut conditions = service["status"]["conditions"].as_array()?.iter();
        let found = conditions.find(|condition| condition["type"] == "Available")?;
        (found["status"] == status && found["reason"] == reason).then(|| found.clone())
    })
}

#[test]
fn another_server_serves_a_part_of_the_api() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let authority = server.builder().data_dir().join("pki/front-proxy-ca.crt");
    let other = ServerBuilder::control_plane()
        .with(&[
            "--tls-san=other.default.svc",
            &format!(
                "--kube-apiserver-arg=requestheader-client-ca-file={}",
                authority.display()
            ),
        ])
        .start();
    prepare(&other.kubectl());
    register(&kubectl, &other, port_of(&other));
    condition(&kubectl, "True", "Passed");

    let resources = eventually("discovery tells of it", PATIENCE, || {
        let told = kubectl.run(&["api-resources", "--api-group=other.example.com"]);
        told.contains("things").then_some(told)
    });
    assert!(resources.contains("other.example.com/v1"), "{resources}");
    eventually("OpenAPI tells of it", PATIENCE, || {
        let told = kubectl.call(&["explain", "things"]);
        told.stdout.contains("A thing of another server").then_some(())
    });

    let mut watching = kubectl
        .command(&["get", "things", "--watch", "--output=name"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl is there");
    let thing = json!({
        "apiVersion": "other.example.com/v1", "kind": "Thing", "metadata": {"name": "one", "namespace": "default"},
        "size": 3,
    });
    kubectl.run_with(&["create", "-f", "-"], &thing.to_string());
    let told = BufReader::new(watching.stdout.take().expect("a pipe"))
        .lines()
        .next();
    assert_eq!(
        told.and_then(Result::ok).as_deref(),
        Some("thing.other.example.com/one")
    );
    let _ = watching.kill();
    let _ = watching.wait();
    assert_eq!(other.kubectl().json(&["get", "thing", "one"])["size"], 3);

    // Both servers must allow it, and the other one is told who asks.
    kubectl.run(&[
        "create",
        "clusterrole",
        "any",
        "--verb=*",
        "--resource=things.other.example.com",
    ]);
    kubectl.run(&[
        "create",
        "clusterrolebinding",
        "any",
        "--clusterrole=any",
        "--user=ann",
    ]);
    eventually("ann may read", PATIENCE, || {
        (kubectl.call(&["get", "thing", "one", "--as=ann"]).code == 0).then_some(())
    });
    let refused = kubectl.refused(&["delete", "thing", "one", "--as=ann"]);
    assert!(
        refused.contains("User \"ann\" cannot delete resource \"things\""),
        "{refused}"
    );
    kubectl.run(&["delete", "thing", "one"]);

    other.kill();
    let lost = condition(&kubectl, "False", "FailedDiscoveryCheck");
    let message = lost["message"].as_str().unwrap_or_default();
    assert!(message.contains("connect: connection refused"), "{message}");
    let refused = kubectl.call(&["get", "--raw", "/apis/other.example.com/v1"]);
    assert!(
        refused
            .stderr
            .contains("the server is currently unable to handle the request"),
        "{refused:?}"
    );
    let metrics = kubectl.run(&["get", "--raw", "/metrics"]);
    let counted = format!("aggregator_unavailable_apiservice{{name=\"{API_SERVICE}\"}} 1");
    assert!(metrics.contains(&counted), "{counted} is missing");
    kubectl.run(&["delete", "service", "other"]);
    condition(&kubectl, "False", "ServiceNotFound");
    kubectl.run(&["delete", "apiservice", API_SERVICE]);
    let gone = kubectl.refused(&["get", "--raw", "/apis/other.example.com/v1"]);
    assert!(gone.contains("NotFound"), "{gone}");
}
