//! A pintle agent as its own process, on a node of its own.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use tempfile::TempDir;

use crate::machine::Machine;
use crate::net::NodeNet;

/// How a worker is to be started.
#[derive(Clone)]
pub struct WorkerBuilder {
    folder: Arc<TempDir>,
    node: NodeNet,
    cgroup: String,
    server: Ipv4Addr,
    token: String,
}

impl WorkerBuilder {
    /// The worker `name` of the cluster whose server has that address and data directory.
    pub(crate) fn new(machine: &Machine, name: &str, server: Ipv4Addr, data_dir: &Path) -> Self {
        let folder = TempDir::with_prefix_in("w", machine.folder()).expect("a folder can be made");
        let token = std::fs::read_to_string(data_dir.join("node-token")).expect("a server keeps its token");
        let builder = Self {
            folder: Arc::new(folder),
            node: machine.lan().node(name),
            cgroup: machine.cgroup(name),
            server,
            token: token.trim().to_owned(),
        };
        crate::image::put_all(&builder.data_dir().join("images"));
        builder
    }

    /// The worker's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self) -> Command {
        let mut command = self.node.command(crate::binary());
        command
            .arg("agent")
            .arg(format!("--server=https://{}:6443", self.server))
            .arg(format!("--token={}", self.token))
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg(format!("--node-name={}", self.node.name()))
            .arg(format!("--node-ip={}", self.node.ip()))
            .arg(format!("--cgroup-root={}", self.cgroup))
            .arg(crate::server::EVICT_NOBODY)
            .arg("--pod-log-dir")
            .arg(self.folder.path().join("pods"));
        command
    }

    /// Starts it; the cluster tells when it is a Ready node.
    pub fn start(&self) -> Worker {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("a log file can be made");
        let output = log.try_clone().expect("a file can be shared");
        let child = self
            .command()
            .stdout(output)
            .stderr(log)
            .spawn()
            .expect("the binary is built; make e2e does it");
        Worker {
            child,
            builder: self.clone(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// A running worker; it is killed when dropped.
pub struct Worker {
    child: Child,
    builder: WorkerBuilder,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.builder.log()).unwrap_or_default();
            eprintln!("--- the worker's log:\n{log}");
        }
    }
}
