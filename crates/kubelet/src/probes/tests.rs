//! Probes against a runtime in memory and servers of this process.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::attempt::{Outcome, attempt};
use super::*;
use crate::cri::fake::FakeRuntime;
use crate::cri::message::{ContainerConfig, ImageSpec, PodSandboxConfig};

const PATIENCE: Duration = Duration::from_secs(30);

struct Fixture {
    runtime: Arc<FakeRuntime>,
    instance_id: String,
    pod: PodToRun,
}

async fn fixture(container: Value) -> Fixture {
    let runtime = Arc::new(FakeRuntime::new(&["a"]));
    let sandbox_config = PodSandboxConfig::default();
    let sandbox = runtime.run_sandbox(&sandbox_config, "").await.unwrap();
    let config = ContainerConfig {
        image: Some(ImageSpec::new("a")),
        ..ContainerConfig::default()
    };
    let instance_id = runtime
        .create_container(&sandbox, &config, &sandbox_config)
        .await
        .unwrap();
    runtime.start_container(&instance_id).await.unwrap();
    let object = json!({ "metadata": { "uid": "u" }, "spec": { "containers": [container] } });
    Fixture {
        runtime,
        instance_id,
        pod: PodToRun::new(Arc::new(serde_json::from_value(object).unwrap())),
    }
}

/// One attempt of the readiness probe.
async fn try_once(probe: Value) -> Outcome {
    let container =
        json!({ "name": "c", "readinessProbe": probe, "ports": [{ "name": "web", "containerPort": 1 }] });
    let fixture = fixture(container).await;
    let target = Target {
        runtime: fixture.runtime,
        sink: mpsc::unbounded_channel().0,
        pod_uid: "u".to_owned(),
        instance_id: fixture.instance_id,
        container: fixture.pod.members()[0].container.clone(),
        started_at: Timestamp::now(),
        pod_ip: Some("127.0.0.1".parse().unwrap()),
    };
    let probe = target.probe(ProbeKind::Readiness).unwrap();
    attempt(&target, probe, Duration::from_secs(5)).await
}

/// Answers each connection with the next of these texts.
async fn serve(answers: Vec<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{headers}\r\n")
}

#[tokio::test]
async fn commands() {
    let exec = |command: Value| json!({ "exec": { "command": command } });
    assert_eq!(try_once(exec(json!(["true"]))).await, Outcome::Success);
    assert_eq!(
        try_once(exec(json!(["false"]))).await,
        Outcome::Failure(String::new())
    );
}

#[tokio::test]
async fn requests() {
    for (answers, outcome) in [
        (vec![answer("200 OK", "")], Outcome::Success),
        (
            vec![answer("500 No", "")],
            Outcome::Failure("HTTP probe failed with statuscode: 500".to_owned()),
        ),
        (
            vec![answer("302 Found", "Location: /b\r\n"), answer("404 No", "")],
            Outcome::Failure("HTTP probe failed with statuscode: 404".to_owned()),
        ),
        (
            vec![answer("304 Same", "")],
            Outcome::Warning("Probe terminated redirects, Response body: ".to_owned()),
        ),
        (
            vec![answer("302 Found", "Location: http://elsewhere/b\r\n")],
            Outcome::Warning("Probe terminated redirects, Response body: ".to_owned()),
        ),
    ] {
        let port = serve(answers).await;
        assert_eq!(
            try_once(json!({ "httpGet": { "port": port, "path": "/a" } })).await,
            outcome
        );
    }
    let port = serve(vec![String::new()]).await;
    let broken = try_once(json!({ "httpGet": { "port": port, "path": "a" } })).await;
    assert_eq!(
        broken,
        Outcome::Failure(format!("Get \"http://127.0.0.1:{port}/a\": EOF"))
    );
    let named = try_once(json!({ "httpGet": { "port": "web" } })).await;
    let refused = "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused".to_owned();
    assert_eq!(named, Outcome::Failure(refused));
    let nameless = try_once(json!({ "httpGet": { "port": "none" } })).await;
    assert_eq!(nameless, Outcome::Unknown("couldn't find port: none".to_owned()));
}

#[tokio::test]
async fn connections() {
    let port = serve(vec![String::new()]).await;
    assert_eq!(
        try_once(json!({ "tcpSocket": { "port": port } })).await,
        Outcome::Success
    );
    let refused = try_once(json!({ "tcpSocket": { "port": 1 } })).await;
    let text = "dial tcp 127.0.0.1:1: connect: connection refused".to_owned();
    assert_eq!(refused, Outcome::Failure(text));
    let refused = try_once(json!({ "grpc": { "port": 1 } })).await;
    assert!(
        matches!(refused, Outcome::Failure(text) if text.starts_with("error: failed to connect service at"))
    );
}

#[test]
fn events_have_their_reasons() {
    let finding = |message: &str| Finding {
        pod_uid: String::new(),
        container: String::new(),
        instance_id: String::new(),
        kind: ProbeKind::Liveness,
        verdict: None,
        message: Some(message.to_owned()),
    };
    assert_eq!(finding("Liveness probe warning: x").reason(), "ProbeWarning");
    assert_eq!(finding("Liveness probe failed: x").reason(), "Unhealthy");
}

async fn next(findings: &mut mpsc::UnboundedReceiver<Finding>) -> Finding {
    timeout(PATIENCE, findings.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_others_wait_for_the_startup_probe() {
    let exec = |command: &str| json!({ "exec": { "command": [command] }, "periodSeconds": 1, "failureThreshold": 1 });
    let fixture = fixture(
        json!({ "name": "c", "startupProbe": exec("true"), "livenessProbe": exec("false"),
        "readinessProbe": exec("true") }),
    )
    .await;
    let (sink, mut findings) = mpsc::unbounded_channel();
    let probes = Probes::new(fixture.runtime.clone(), sink);
    let member = &fixture.pod.members()[0];
    let follow = || probes.follow(&fixture.pod, member, &fixture.instance_id, Timestamp::now(), None);
    follow();
    follow();
    let first = next(&mut findings).await;
    assert_eq!(
        (first.kind, first.verdict),
        (ProbeKind::Startup, Some(Verdict::Success))
    );
    let mut others = [next(&mut findings).await, next(&mut findings).await];
    others.sort_by_key(|finding| finding.kind);
    assert_eq!(others[0].kind, ProbeKind::Liveness);
    assert_eq!(others[0].verdict, Some(Verdict::Failure));
    assert_eq!(others[0].message.as_deref(), Some("Liveness probe failed: "));
    assert_eq!(
        (others[1].kind, others[1].verdict),
        (ProbeKind::Readiness, Some(Verdict::Success))
    );
    probes.forget(&fixture.instance_id);
    drop(probes);
    // All probes have ended: nobody is left who could send.
    while timeout(PATIENCE, findings.recv()).await.unwrap().is_some() {}
}

#[tokio::test]
async fn readiness_goes_on_to_the_end() {
    let exec = json!({ "exec": { "command": ["false"] }, "periodSeconds": 1 });
    let fixture = fixture(json!({ "name": "c", "livenessProbe": exec, "readinessProbe": exec })).await;
    let (sink, mut findings) = mpsc::unbounded_channel();
    let probes = Probes::new(fixture.runtime.clone(), sink);
    let member = &fixture.pod.members()[0];
    probes.follow(&fixture.pod, member, &fixture.instance_id, Timestamp::now(), None);
    probes.ending(&fixture.instance_id);
    for _ in 0..2 {
        assert_eq!(next(&mut findings).await.kind, ProbeKind::Readiness);
    }
    probes.forget(&fixture.instance_id);
}
