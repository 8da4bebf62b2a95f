//! Logs, exec, attach, port-forward and proxies through kubectl, to a kubelet that only plays its part.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::json;
use testkit::{Kubectl, Server, ServerBuilder};

use crate::fake_kubelet::FakeKubelet;

struct Bench {
    server: Server,
    kubelet: FakeKubelet,
}

impl Bench {
    fn start() -> Self {
        let server = ServerBuilder::control_plane().start();
        let kubelet = FakeKubelet::start(&server.builder().data_dir());
        let bench = Self { server, kubelet };
        bench.add_node();
        bench.add_pod();
        bench
    }

    fn kubectl(&self) -> Kubectl {
        self.server.kubectl()
    }

    fn add_node(&self) {
        let kubectl = self.kubectl();
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "fake" } });
        kubectl.run_with(&["create", "-f", "-"], &node.to_string());
        let status = json!({ "status": {
            "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": self.kubelet.address.port() } },
        }});
        kubectl.run(&[
            "patch",
            "node",
            "fake",
            "--subresource=status",
            "--type=merge",
            "-p",
            &status.to_string(),
        ]);
    }

    fn add_pod(&self) {
        let kubectl = self.kubectl();
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
            "spec": {
                "nodeName": "fake",
                "automountServiceAccountToken": false,
                "tolerations": [{ "operator": "Exists" }],
                "containers": [{ "name": "c", "image": "x" }, { "name": "missing", "image": "x" }],
            },
        });
        kubectl.run_with(&["create", "-f", "-"], &pod.to_string());
        let status = json!({ "status": { "phase": "Running" } });
        kubectl.run(&[
            "patch",
            "pod",
            "p",
            "--subresource=status",
            "--type=merge",
            "-p",
            &status.to_string(),
        ]);
    }

    fn was_asked(&self, expected: &str) {
        let asked = self.kubelet.asked();
        assert!(asked.iter().any(|line| line == expected), "{asked:#?}");
    }
}

#[test]
fn logs_come_from_the_kubelet() {
    let bench = Bench::start();
    let kubectl = bench.kubectl();
    assert_eq!(
        kubectl.run(&["logs", "p", "-c", "c", "--tail=5", "--timestamps"]),
        "one\ntwo"
    );
    bench.was_asked("GET /containerLogs/default/p/c?tailLines=5&timestamps=true");
    let refused = kubectl.refused(&["get", "--raw", "/api/v1/namespaces/default/pods/p/log"]);
    let text = "a container name must be specified for pod p, choose one of: [c missing]";
    assert!(refused.contains(text), "{refused}");
}

#[test]
fn exec_ends_with_its_input() {
    let bench = Bench::start();
    let input = bench.server.folder().join("input");
    let text = "0123456789abcdef".repeat(100_000);
    std::fs::write(&input, &text).expect("a file can be written");
    for websockets in ["true", "false"] {
        let mut command = bench
            .kubectl()
            .command(&["exec", "-i", "p", "-c", "c", "--", "cat"]);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        command.stdin(File::open(&input).expect("it was written"));
        let output = command.output().expect("kubectl runs");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}");
        assert!(
            output.stdout == text.as_bytes(),
            "websockets={websockets}: {complaints}"
        );
    }
    bench.was_asked("POST /exec/default/p/c?command=cat&error=1&input=1&output=1");
}

#[test]
fn exec_fails_as_its_process_does() {
    let bench = Bench::start();
    for websockets in ["true", "false"] {
        let mut command = bench.kubectl().command(&["exec", "p", "-c", "c", "--", "fail"]);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        let output = command.output().expect("kubectl runs");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{complaints}");
        assert!(
            complaints.contains("it went wrong\ncommand terminated with exit code 7"),
            "{complaints}"
        );
    }
    let refused = bench
        .kubectl()
        .refused(&["exec", "p", "-c", "missing", "--", "cat"]);
    let text = "unable to upgrade connection: container not found (\"missing\")";
    assert!(refused.contains(text), "{refused}");
}

#[test]
fn attach_reaches_the_process() {
    let bench = Bench::start();
    let output = bench
        .kubectl()
        .call_with(&["attach", "-i", "p", "-c", "c"], "hello\n");
    assert!(output.stdout.contains("hello"), "{output:?}");
    bench.was_asked("POST /attach/default/p/c?error=1&input=1&output=1");
}

#[test]
fn ports_are_forwarded() {
    let bench = Bench::start();
    for websockets in ["true", "false"] {
        let mut command = bench.kubectl().command(&["port-forward", "pod/p", ":8080"]);
        command.env("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets);
        let mut kubectl = command.spawn().expect("kubectl runs");
        let mut lines = BufReader::new(kubectl.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        let port = line
            .strip_prefix("Forwarding from 127.0.0.1:")
            .and_then(|rest| rest.strip_suffix(" -> 8080\n"));
        let address = format!("127.0.0.1:{}", port.unwrap_or_else(|| panic!("{line:?}")));
        // One connection after the other on the same forwarding.
        for _ in 0..3 {
            let mut stream = TcpStream::connect(&address).expect("kubectl listens");
            stream.write_all(&[b'x'; 100_000]).expect("it takes bytes");
            let mut back = vec![0; 100_000];
            stream.read_exact(&mut back).expect("they come back");
            assert!(back.iter().all(|byte| *byte == b'x'));
        }
        kubectl.kill().expect("it still runs");
        kubectl.wait().expect("it ends");
    }
    bench.was_asked("POST /portForward/default/p");
}

#[test]
fn nodes_are_proxied_and_services_without_endpoints_are_not() {
    let bench = Bench::start();
    let kubectl = bench.kubectl();
    assert_eq!(
        kubectl.run(&["get", "--raw", "/api/v1/nodes/fake/proxy/pods?x=1"]),
        "this is /pods"
    );
    bench.was_asked("GET /pods?x=1");
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
        "spec": { "ports": [{ "port": 80 }] },
    });
    kubectl.run_with(&["create", "-f", "-"], &service.to_string());
    for (name, expected) in [
        ("s", "no endpoints available for service \"s\""),
        ("s:80", "no endpoints available for service \"s\""),
        ("s:81", "no service port 81 found for service \"s\""),
    ] {
        let path = format!("/api/v1/namespaces/default/services/{name}/proxy/");
        let refused = kubectl.refused(&["get", "--raw", &path]);
        assert!(refused.contains(expected), "{refused}");
    }
}
