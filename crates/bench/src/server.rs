//! The server under load: one of our own, or one that is there already.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use client::config::ClientConfig;
use client::{Client, https};
use tempfile::TempDir;

/// A pintle of our own, ended when dropped.
pub struct Server {
    child: Child,
    _folder: TempDir,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// From exec to the ready line.
    pub ready_after: Duration,
}

/// The server did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0} ended before it was ready")]
pub struct NotStarted(String);

impl Server {
    /// Starts a control plane with an empty data directory.
    pub fn start(binary: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        Self::start_with(binary, &[])
    }

    /// Starts an API server with its store, and nothing else.
    pub fn start_alone(binary: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        Self::start_with(binary, &["--disable-controller-manager", "--disable-scheduler"])
    }

    fn start_with(binary: &Path, more: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = TempDir::with_prefix("pintle-bench-")?;
        let began = Instant::now();
        let mut child = Command::new(binary)
            .args([
                "server",
                "--disable-agent",
                "--bind-address=127.0.0.1",
                "--https-listen-port=0",
            ])
            .args(more)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("standard output is a pipe")?;
        let kubeconfig = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("export KUBECONFIG=").map(PathBuf::from))
            .ok_or_else(|| NotStarted(binary.display().to_string()))?;
        Ok(Self {
            child,
            _folder: folder,
            kubeconfig,
            ready_after: began.elapsed(),
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Which server is measured.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetOptions {
    /// A server that is there already.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Its processes, for the CPU and memory they use.
    #[arg(long)]
    pid: Vec<u32>,
    /// Another server that is there already, an API server without controllers: it and a pintle started for the purpose take turns.
    #[arg(long, value_name = "KUBECONFIG", conflicts_with = "kubeconfig")]
    pub against: Option<PathBuf>,
    /// The processes of that other server, its store included.
    #[arg(long, requires = "against")]
    against_pid: Vec<u32>,
    /// How often the two take turns.
    #[arg(long, default_value_t = 3, requires = "against")]
    pub rounds: usize,
}

/// The server that is measured.
pub struct Target {
    _own: Option<Server>,
    /// How to reach it.
    pub kubeconfig: PathBuf,
    /// Its processes.
    pub pids: Vec<u32>,
}

impl Target {
    /// The server that the options name, else one of our own.
    pub fn new(binary: &Path, options: &TargetOptions) -> Result<Self, Box<dyn std::error::Error>> {
        if let Some(kubeconfig) = &options.kubeconfig {
            return Ok(Self {
                _own: None,
                kubeconfig: kubeconfig.clone(),
                pids: options.pid.clone(),
            });
        }
        Ok(Self::of(Server::start(binary)?))
    }

    /// A pintle without controllers, as the other server of a comparison is.
    pub fn alone(binary: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self::of(Server::start_alone(binary)?))
    }

    /// The other server of a comparison.
    pub fn other(kubeconfig: &Path, options: &TargetOptions) -> Self {
        Self {
            _own: None,
            kubeconfig: kubeconfig.to_owned(),
            pids: options.against_pid.clone(),
        }
    }

    fn of(own: Server) -> Self {
        Self {
            kubeconfig: own.kubeconfig.clone(),
            pids: vec![own.pid()],
            _own: Some(own),
        }
    }
}

/// A client with a connection of its own.
pub fn connect(kubeconfig: &Path) -> Result<Client, Box<dyn std::error::Error>> {
    let config = ClientConfig::from_kubeconfig(kubeconfig)?;
    Ok(Client::new(https::connect(&config)?, "bench"))
}
