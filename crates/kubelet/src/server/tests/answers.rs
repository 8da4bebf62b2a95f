//! What is answered, with the fake runtime.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::bench::{Bench, MASTER};
use crate::cri::ContainerRuntime;
use crate::cri::fake::FakeRuntime;
use crate::cri::message::{
    ContainerConfig, ContainerMetadata, ImageSpec, PodSandboxConfig, PodSandboxMetadata, StringMap,
};
use crate::pod::{PodLabels, label};

fn labels() -> PodLabels {
    PodLabels {
        namespace: "n".to_owned(),
        name: "p".to_owned(),
        uid: "u".to_owned(),
    }
}

fn pod(state: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "p", "namespace": "n", "uid": "u" },
        "spec": { "containers": [{ "name": "c", "image": "image" }] },
        "status": { "containerStatuses": [{
            "name": "c", "image": "image", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }]},
    }))
    .unwrap()
}

/// A pod that waits, whose container runs nevertheless as far as the runtime is asked.
async fn start(state: Value) -> Bench {
    let runtime = FakeRuntime::new(&["image"]);
    let sandbox = PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: "p".to_owned(),
            uid: "u".to_owned(),
            namespace: "n".to_owned(),
            attempt: 0,
        }),
        labels: labels().write(),
        ..PodSandboxConfig::default()
    };
    let sandbox_id = runtime.run_sandbox(&sandbox, "").await.unwrap();
    let mut container_labels: StringMap = labels().write();
    container_labels.insert(label::CONTAINER_NAME.to_owned(), "c".to_owned());
    let container = ContainerConfig {
        metadata: Some(ContainerMetadata {
            name: "c".to_owned(),
            attempt: 0,
        }),
        image: Some(ImageSpec::new("image")),
        command: vec!["sleep".to_owned()],
        labels: container_labels,
        ..ContainerConfig::default()
    };
    let id = runtime
        .create_container(&sandbox_id, &container, &sandbox)
        .await
        .unwrap();
    runtime.start_container(&id).await.unwrap();
    Bench::start(vec![pod(state)], Arc::new(runtime), false).await
}

#[tokio::test]
async fn logs_that_are_not_there_are_explained() {
    let bench = start(json!({ "waiting": { "reason": "ContainerCreating" } })).await;
    for (path, code, text) in [
        (
            "/containerLogs/n/p/c",
            400,
            "container \"c\" in pod \"p\" is waiting to start: ContainerCreating",
        ),
        (
            "/containerLogs/n/p/c?previous=true",
            400,
            "previous terminated container \"c\" in pod \"p\" not found",
        ),
        ("/containerLogs/n/x/c", 404, "pod \"x\" does not exist\n"),
        (
            "/containerLogs/n/p/x",
            404,
            "container \"x\" not found in pod \"p\"\n",
        ),
        (
            "/containerLogs/n/p/c?tailLines=x",
            400,
            "{\"message\": \"Unable to decode query.\"}",
        ),
        (
            "/containerLogs/n/p/c?tailLines=-1",
            422,
            "{\"message\": \"Invalid request.\"}",
        ),
    ] {
        bench.check(MASTER, "GET", path, code, text).await;
    }
}

#[tokio::test]
async fn commands_give_their_output() {
    let bench = start(json!({ "running": {} })).await;
    bench
        .check(MASTER, "POST", "/run/n/p/c?cmd=echo%20hi", 200, "hi\n")
        .await;
    let text = "command 'false' exited with 1: ";
    bench
        .check(MASTER, "POST", "/run/n/p/u/c?cmd=false", 500, text)
        .await;
    let text = "container not found (\"x\")";
    bench
        .check(MASTER, "POST", "/run/n/p/x?cmd=true", 500, text)
        .await;
    bench
        .check(
            MASTER,
            "POST",
            "/run/n/p/other/c?cmd=true",
            404,
            "pod does not exist",
        )
        .await;
}

#[tokio::test]
async fn streams_that_cannot_be_are_refused() {
    let bench = start(json!({ "running": {} })).await;
    for (path, code, text) in [
        (
            "/exec/n/p/c?command=ls",
            400,
            "you must specify at least 1 of stdin, stdout, stderr",
        ),
        ("/exec/n/x/c?output=1", 404, "pod does not exist"),
        ("/exec/n/p/x?output=1", 500, "container not found (\"x\")"),
        ("/exec/n/p/c?output=1", 500, "Upgrade request required"),
        ("/portForward/n/p", 500, "Upgrade request required"),
        ("/portForward/n/p/other", 404, "pod does not exist"),
    ] {
        bench.check(MASTER, "POST", path, code, text).await;
    }
}

#[tokio::test]
async fn pods_are_listed() {
    let bench = start(json!({ "running": {} })).await;
    let (code, body) = bench.ask(MASTER, "GET", "/pods").await;
    let list: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code.as_u16(), &list["kind"]), (200, &json!("PodList")));
    assert_eq!(list["items"][0]["metadata"]["uid"], "u");
    assert_eq!(list["items"][0].get("kind"), None);
    let (_, body) = bench.ask(MASTER, "GET", "/runningpods/").await;
    let list: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(list["items"][0]["spec"]["containers"][0]["name"], "c");
}

#[tokio::test]
async fn use_is_told_as_summary_and_metrics() {
    let bench = start(json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } })).await;
    let (_, body) = bench.ask(MASTER, "GET", "/stats/summary").await;
    let summary: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(summary["node"]["nodeName"], "node");
    assert!(summary["node"]["cpu"]["usageCoreNanoSeconds"].as_u64() > Some(0));
    assert_eq!(summary["pods"][0]["podRef"]["name"], "p");
    assert_eq!(
        summary["pods"][0]["containers"][0]["startTime"],
        "2026-01-01T00:00:00Z"
    );
    let started = "container_start_time_seconds{container=\"c\",namespace=\"n\",pod=\"p\"} 1767225600\n";
    for (path, expected) in [
        ("/metrics/resource", started),
        ("/metrics/resource", "\nnode_memory_working_set_bytes "),
        ("/metrics/cadvisor", "\nmachine_memory_bytes "),
        ("/metrics", "kubelet_node_name{node=\"node\"} 1\n"),
        (
            "/metrics",
            "kubelet_running_containers{container_state=\"running\"} 1\n",
        ),
    ] {
        let (code, body) = bench.ask(MASTER, "GET", path).await;
        assert!(code == 200 && body.contains(expected), "{path}: {body}");
    }
}

#[tokio::test]
async fn what_is_not_served_is_refused() {
    let bench = start(json!({ "running": {} })).await;
    for (method, path, code) in [
        ("GET", "/logs/", 405),
        ("POST", "/checkpoint/n/p/c", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/pods", 405),
    ] {
        assert_eq!(bench.ask(MASTER, method, path).await.0.as_u16(), code, "{path}");
    }
}
