//! A pintle server as its own process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::kubectl::Kubectl;
use crate::machine::Machine;
use crate::net::NodeNet;
use crate::worker::WorkerBuilder;

/// The machine that tests run on may be short of disk; that is none of the tests' business.
pub(crate) const EVICT_NOBODY: &str = "--kubelet-arg=eviction-hard=memory.available<1Mi";

/// How a server is to be started.
#[derive(Clone)]
pub struct ServerBuilder {
    folder: Arc<TempDir>,
    arguments: Vec<String>,
    node: Option<NodeNet>,
    binary: PathBuf,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        let folder = TempDir::with_prefix("pintle-test-").expect("a folder for the test can be made");
        Self {
            folder: Arc::new(folder),
            arguments: Vec::new(),
            node: None,
            binary: crate::binary(),
        }
    }
}

impl ServerBuilder {
    /// A control plane without node agent, on a port of its own.
    pub fn control_plane() -> Self {
        Self::default().with(&[
            "--disable-agent",
            "--bind-address=127.0.0.1",
            "--https-listen-port=0",
        ])
    }

    /// A master that also works, on a machine of the test's own. It knows the images [`crate::image::TEST_IMAGES`].
    pub fn node(machine: &Machine, name: &str) -> Self {
        let node = machine.lan().node(name);
        let (ip, cgroup) = (node.ip(), machine.cgroup(name));
        let folder = TempDir::with_prefix_in("s", machine.folder()).expect("a folder can be made");
        let builder = Self {
            folder: Arc::new(folder),
            arguments: Vec::new(),
            node: Some(node),
            binary: crate::binary(),
        };
        crate::image::put_all(&builder.data_dir().join("images"));
        let logs = builder.folder.path().join("pods");
        builder.with(&[
            &format!("--node-name={name}"),
            &format!("--node-ip={ip}"),
            &format!("--cgroup-root={cgroup}"),
            &format!("--pod-log-dir={}", logs.display()),
            EVICT_NOBODY,
        ])
    }

    /// A worker of this server, which must have been started, on another node of the machine.
    pub fn worker(&self, machine: &Machine, name: &str) -> WorkerBuilder {
        let server = self.node.as_ref().expect("only a server on a node has workers");
        WorkerBuilder::new(machine, name, server.ip(), &self.data_dir())
    }

    /// Another binary than the one under test.
    #[must_use]
    pub fn of(mut self, binary: &Path) -> Self {
        binary.clone_into(&mut self.binary);
        self
    }

    /// Further arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self) -> Command {
        match &self.node {
            Some(node) => node.command(&self.binary),
            None => Command::new(&self.binary),
        }
    }

    /// Runs another command of pintle on the same data directory; fails unless it succeeds. Gives its output.
    pub fn pintle(&self, arguments: &[&str]) -> String {
        let output = self
            .program()
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .output()
            .expect("the binary is built; make e2e does it");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "pintle {arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// The command line.
    pub fn command(&self) -> Command {
        let mut command = self.program();
        command
            .arg("server")
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(&self.arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&self) -> Server {
        let log = self.folder.path().join("log");
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file can be made");
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("the binary is built; make e2e does it");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let mut server = Server {
            child,
            builder: self.clone(),
            kubeconfig: PathBuf::new(),
        };
        let kubeconfig = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("export KUBECONFIG=").map(PathBuf::from));
        server.kubeconfig = kubeconfig.unwrap_or_else(|| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            panic!("the server ended before it was ready: {said}")
        });
        server
    }
}

/// A running server; it is killed when dropped.
pub struct Server {
    child: Child,
    builder: ServerBuilder,
    kubeconfig: PathBuf,
}

impl Server {
    /// kubectl as administrator.
    pub fn kubectl(&self) -> Kubectl {
        let kubectl = Kubectl::new(&self.kubeconfig, self.builder.folder.path());
        match &self.builder.node {
            Some(node) => kubectl.on(node.clone()),
            None => kubectl,
        }
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.builder.folder.path()
    }

    /// How it was started; starting it again gives the same cluster.
    pub fn builder(&self) -> ServerBuilder {
        self.builder.clone()
    }

    /// Ends it as Ctrl-C does, and waits for its end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGINT);
        self.child.wait().expect("a started process can be waited for")
    }

    /// Ends it without warning (`kill -9`), and waits for its end.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("process ids fit 32 bits");
        // A process that ended by itself already is what was wanted.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.builder.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- the server's log:\n{log}");
        }
    }
}
