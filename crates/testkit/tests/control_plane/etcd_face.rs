//! The state store as clients of etcd see it, with the real etcdctl: alone, and beside the API server.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::ServerBuilder;

/// `pintle etcd`; it is killed when dropped.
struct Etcd {
    process: Child,
    endpoint: String,
}

fn pintle_etcd(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(testkit::binary());
    command.args(["etcd", "--listen-client-urls=http://127.0.0.1:0", "--data-dir"]);
    command.arg(data).args(arguments).stdin(Stdio::null());
    command
}

impl Etcd {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut command = pintle_etcd(data, arguments);
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is built; make e2e does it");
        let output = BufReader::new(process.stdout.take().expect("piped")).lines();
        let line = output.map_while(Result::ok).next().expect("it says where it is");
        let endpoint = line.split_whitespace().nth(3).expect("a URL").to_owned();
        Self { process, endpoint }
    }

    fn ctl(&self, arguments: &[&str]) -> String {
        said(etcdctl(&self.endpoint, None, arguments))
    }

    fn stop(mut self) {
        let id = i32::try_from(self.process.id()).expect("process ids fit 32 bits");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it is ours");
        assert!(self.process.wait().expect("it was started").success());
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn etcdctl(endpoint: &str, certificates: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", endpoint]);
    if let Some(folder) = certificates {
        command.arg("--cacert").arg(folder.join("ca.crt"));
        command.arg("--cert").arg(folder.join("healthcheck-client.crt"));
        command.arg("--key").arg(folder.join("healthcheck-client.key"));
    }
    command.args(arguments).output().expect("etcdctl is installed")
}

fn said(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_store_runs_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let etcd = Etcd::start(&data, &["--auto-compaction-retention=1h"]);
    assert_eq!(etcd.ctl(&["put", "k", "v"]), "OK\n");
    let members = etcd.ctl(&["member", "list", "-w", "simple"]);
    assert!(members.contains(&etcd.endpoint), "{members}");

    let second = pintle_etcd(&data, &[]).output().expect("it runs");
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{error}");
    assert!(error.contains("in use by another process"), "{error}");
    etcd.stop();

    let etcd = Etcd::start(&data, &[]);
    assert_eq!(etcd.ctl(&["get", "k"]), "k\nv\n");
    etcd.stop();

    for (argument, code, says) in [
        ("--nonsense", 2, "--nonsense"),
        ("--listen-client-urls=x", 2, "--listen-client-urls"),
        ("--cert-file=x", 1, "--key-file"),
        ("--client-cert-auth", 1, "--trusted-ca-file"),
        ("--auto-compaction-retention=x", 1, "\"x\""),
    ] {
        let refused = pintle_etcd(&data, &[argument]).output().expect("it runs");
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(code), "{argument}: {error}");
        assert!(error.contains(says), "{argument}: {error}");
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

#[test]
fn a_server_lets_etcdctl_see_its_store() {
    let address = format!("127.0.0.1:{}", free_port());
    let builder = ServerBuilder::control_plane().with(&[&format!("--etcd-listen={address}")]);
    let server = builder.start();
    let kubectl = server.kubectl();
    let certificates = builder.data_dir().join("pki/etcd");
    let endpoint = format!("https://{address}");
    let ctl = |arguments: &[&str]| said(etcdctl(&endpoint, Some(certificates.as_path()), arguments));

    kubectl.run(&["create", "configmap", "seen", "--from-literal=a=b"]);
    let key = "/registry/configmaps/default/seen";
    let value = ctl(&["get", key, "--print-value-only"]);
    assert!(value.contains("\"a\":\"b\""), "{value}");
    // What is deleted here is gone there.
    assert_eq!(ctl(&["del", key]), "1\n");
    testkit::eventually("the end of it", std::time::Duration::from_secs(30), || {
        let all = kubectl.run(&["get", "configmaps", "-o", "name"]);
        (!all.contains("seen")).then_some(())
    });
    let snapshot = server.folder().join("snapshot.db");
    let snapshot = snapshot.to_str().expect("text");
    ctl(&["snapshot", "save", snapshot]);
    ctl(&["snapshot", "status", snapshot]);
    ctl(&["endpoint", "status"]);
    ctl(&["endpoint", "health"]);

    // Without a certificate of that authority nobody is let in.
    let stranger = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoint, "--command-timeout=2s", "--cacert"])
        .arg(certificates.join("ca.crt"))
        .args(["get", "k"])
        .output()
        .expect("etcdctl is installed");
    assert!(!stranger.status.success());
    assert!(server.stop().success());
}
