//! Logs, exec and port-forward through a real containerd.

use std::sync::Arc;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use streaming::remote_command::{SPDY_PROTOCOLS, exited, from_wire, stream_headers, success};
use streaming::spdy::{Connection, FlowControl, Headers, Role, Stream};
use streaming::tunnel::PORT_FORWARD;
use streaming::upgrade::open_spdy;
use tokio::time::timeout;

use super::bench::{Bench, MASTER, PATIENCE};
use crate::cri::message::{
    ContainerConfig, ContainerMetadata, ImageSpec, LinuxContainerConfig, LinuxPodSandboxConfig,
    PodSandboxConfig, PodSandboxMetadata, StringMap,
};
use crate::cri::{ContainerRuntime, CriClient};
use crate::pod::{PodLabels, label};
use crate::testing::{BUSYBOX, Node};

/// Says something, serves echoes on a port, and ends when told to.
const PROGRAM: &str = "echo started; (nc -ll -p 8080 -e cat &) ; while ! test -e /tmp/end; do sleep 0.1; done; \
    echo ended; exit 3";

struct Subject {
    runtime: Arc<CriClient>,
    bench: Bench,
}

impl Subject {
    async fn start(node: &Node, runtime: Arc<CriClient>) -> Self {
        let labels = PodLabels {
            namespace: "n".to_owned(),
            name: "p".to_owned(),
            uid: "u".to_owned(),
        };
        let sandbox = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: "p".to_owned(),
                uid: "u".to_owned(),
                namespace: "n".to_owned(),
                attempt: 0,
            }),
            hostname: "p".to_owned(),
            log_directory: node.path("logs").to_string_lossy().into_owned(),
            labels: labels.write(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: crate::testing::cgroup_parent(),
                ..LinuxPodSandboxConfig::default()
            }),
            ..PodSandboxConfig::default()
        };
        let sandbox_id = runtime.run_sandbox(&sandbox, "").await.unwrap();
        let mut container_labels: StringMap = labels.write();
        container_labels.insert(label::CONTAINER_NAME.to_owned(), "c".to_owned());
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: "c".to_owned(),
                attempt: 0,
            }),
            image: Some(ImageSpec::new(BUSYBOX)),
            command: ["sh", "-c", PROGRAM].map(str::to_owned).into(),
            labels: container_labels,
            log_path: "c/0.log".to_owned(),
            linux: Some(LinuxContainerConfig::default()),
            ..ContainerConfig::default()
        };
        let container = runtime
            .create_container(&sandbox_id, &config, &sandbox)
            .await
            .unwrap();
        runtime.start_container(&container).await.unwrap();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "uid": "u" },
            "spec": { "containers": [{ "name": "c", "image": BUSYBOX }] },
            "status": { "containerStatuses": [{
                "name": "c", "image": BUSYBOX, "imageID": "", "ready": true, "restartCount": 0,
                "containerID": format!("containerd://{container}"), "state": { "running": {} },
            }]},
        }))
        .unwrap();
        Self {
            bench: Bench::start(vec![pod], runtime.clone(), false).await,
            runtime,
        }
    }

    async fn spdy(&self, path: &str, protocols: &[&'static str]) -> Connection {
        let stream = self.bench.connect(MASTER).await.unwrap();
        let opened = timeout(PATIENCE, open_spdy(stream, "node", path, protocols)).await;
        let upgraded = opened.expect("an answer").unwrap();
        Connection::new(upgraded, Role::Client, FlowControl::Backpressure)
    }

    async fn input_ends_over_spdy(&self) {
        let path = "/exec/n/p/c?command=cat&input=1&output=1&error=1";
        let connection = self.spdy(path, &SPDY_PROTOCOLS).await;
        let open = async |kind: &str| connection.open(stream_headers(kind)).await.unwrap();
        let (mut error, stdin) = (open("error").await, open("stdin").await);
        let (mut stdout, _stderr) = (open("stdout").await, open("stderr").await);
        let sent: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        let to_send = Bytes::from(sent.clone());
        let writing = async {
            stdin.writer.write(to_send).await.unwrap();
            stdin.writer.finish().await.unwrap();
        };
        let reading = async {
            // containerd resets what it has said everything on.
            let (out, _) = stdout.reader.read_to_any_end(1 << 20).await;
            (out, error.reader.read_to_any_end(1 << 10).await.0)
        };
        let ((out, status), ()) = timeout(PATIENCE, async { tokio::join!(reading, writing) })
            .await
            .expect("cat ends with its input");
        assert!(out == sent, "{} bytes came back", out.len());
        assert_eq!(from_wire(&status), success());
    }

    /// What kubectl 1.36 does, against a runtime that does not know this protocol.
    async fn exit_codes_come_over_websockets(&self) {
        let path = "/exec/n/p/c?command=sh&command=-c&command=cat%3B+exit+3&input=1&output=1&error=1";
        let stream = self.bench.connect(MASTER).await.unwrap();
        let request = http::Request::get(format!("ws://node{path}"))
            .header("host", "node")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "v5.channel.k8s.io")
            .body(())
            .unwrap();
        let (mut socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "v5.channel.k8s.io");
        for message in [&b"\0typed"[..], &[255, 0]] {
            socket.send(message.to_vec().into()).await.unwrap();
        }
        let mut out = Vec::new();
        let status = loop {
            let message = timeout(PATIENCE, socket.next()).await.expect("a message");
            let message = message.expect("open").unwrap().into_data();
            match message[0] {
                1 => out.extend_from_slice(&message[1..]),
                3 => break from_wire(&message[1..]),
                other => panic!("channel {other}"),
            }
        };
        assert_eq!(out, b"typed");
        assert_eq!(status.details, exited(3).details);
        assert_eq!(status.reason, exited(3).reason);
    }

    async fn ports_are_forwarded(&self) {
        let connection = self.spdy("/portForward/n/p", &[PORT_FORWARD]).await;
        let open = async |kind: &str, port: &str| {
            let headers = Headers::new([("streamtype", kind), ("port", port), ("requestid", "0")]);
            connection.open(headers).await.unwrap()
        };
        let mut error = open("error", "8080").await;
        let Stream {
            mut reader, writer, ..
        } = open("data", "8080").await;
        writer.write(Bytes::from_static(b"echo")).await.unwrap();
        let bytes = timeout(PATIENCE, reader.read()).await.expect("the echo");
        assert_eq!(bytes.unwrap().unwrap(), "echo");
        writer.finish().await.unwrap();
        let rest = timeout(PATIENCE, error.reader.read_to_any_end(1 << 10)).await;
        assert_eq!(rest.expect("an end").0, b"");
    }

    async fn logs_are_followed_to_the_end(&self) {
        let mut log = self
            .bench
            .send(MASTER, "GET", "/containerLogs/n/p/c?follow=true")
            .await;
        let mut seen = Vec::new();
        let mut is_told = false;
        while let Some(frame) = timeout(PATIENCE, log.body_mut().frame()).await.expect("more") {
            seen.extend_from_slice(&frame.unwrap().into_data().unwrap());
            if !is_told && seen.ends_with(b"started\n") {
                is_told = true;
                let path = "/run/n/p/c?cmd=touch%20/tmp/end";
                self.bench.check(MASTER, "POST", path, 200, "").await;
            }
        }
        assert_eq!(String::from_utf8(seen).unwrap(), "started\nended\n");
        let path = "/containerLogs/n/p/c?tailLines=1&limitBytes=3";
        self.bench.check(MASTER, "GET", path, 200, "end").await;
    }

    async fn use_is_known(&self) {
        let (code, body) = self.bench.ask(MASTER, "GET", "/metrics/resource").await;
        let line = "container_memory_working_set_bytes{container=\"c\",namespace=\"n\",pod=\"p\"} ";
        assert!(code == 200 && body.contains(line), "{body}");
    }
}

#[test]
fn containerd_streams_through_the_server() {
    Node::run(
        "server::tests::streams::containerd_streams_through_the_server",
        async |node| {
            let containerd = node.start_containerd().await;
            let subject = Subject::start(node, Arc::new(CriClient::new(&containerd.socket()))).await;
            subject.input_ends_over_spdy().await;
            subject.exit_codes_come_over_websockets().await;
            subject.ports_are_forwarded().await;
            subject.use_is_known().await;
            subject.logs_are_followed_to_the_end().await;
            subject.bench.stop();
            for sandbox in subject.runtime.list_sandboxes(Default::default()).await.unwrap() {
                subject.runtime.stop_sandbox(&sandbox.id).await.unwrap();
            }
            containerd.stop().await.unwrap();
        },
    );
}
