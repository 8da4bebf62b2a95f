//! One member: its command line and its process.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Gives the command that runs a program at the member's place.
pub(crate) type Launcher = Arc<dyn Fn(&Path) -> Command + Send + Sync>;

/// How long a member may take to serve clients.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often a member's log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) client_port: u16,
    pub(crate) peer_port: u16,
    pub(crate) folder: PathBuf,
    pub(crate) launch: Launcher,
    pub(crate) arguments: Vec<String>,
    process: Option<Child>,
}

impl Member {
    pub(crate) fn new(
        name: String,
        address: IpAddr,
        ports: (u16, u16),
        folder: PathBuf,
        launch: Launcher,
    ) -> Self {
        Self {
            name,
            address,
            client_port: ports.0,
            peer_port: ports.1,
            folder,
            launch,
            arguments: Vec::new(),
            process: None,
        }
    }

    pub(crate) fn host(&self) -> String {
        match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }

    pub(crate) fn peer_url(&self) -> String {
        format!("http://{}:{}", self.host(), self.peer_port)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Starts the process; [`wait`](Self::wait) tells when it serves.
    pub(crate) fn spawn(&mut self) {
        std::fs::create_dir_all(&self.folder).expect("a folder can be made");
        let log = File::create(self.log()).expect("a log file can be made");
        let program = std::env::var_os("PINTLE_TEST_ETCD").unwrap_or_else(|| "etcd".into());
        let child = (self.launch)(Path::new(&program))
            .args(&self.arguments)
            .arg(format!("--data-dir={}", self.folder.join("data").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("etcd is installed; make setup-tests does it");
        self.process = Some(child);
    }

    /// Waits until it serves clients. Fails with its log if it ends before.
    pub(crate) fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let log = self.log_text();
            // etcd says this when it has a leader and listens.
            if log.contains("serving client traffic") {
                return Ok(());
            }
            let ended = self
                .process
                .as_mut()
                .is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || Instant::now() > deadline {
                return Err(log);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("the member runs");
        let pid = i32::try_from(pid).expect("process ids fit 32 bits");
        kill(Pid::from_raw(pid), signal).expect("a process of our own can be signalled");
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log_text();
            let from = log.len().saturating_sub(4000);
            let end: String = log.chars().skip(log[..from].chars().count()).collect();
            eprintln!("--- the end of the log of etcd {}:\n{end}", self.name);
        }
    }
}
