//! The stores that are compared, as processes of their own: a real etcd, and `pintle etcd`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcd_rpc::message::RangeRequest;

use super::connection::{Connection, framed};
use super::load::RANGE;

/// A store that does not answer in this time is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which store.
#[derive(Clone, Debug)]
pub enum Program {
    /// An etcd, of one member.
    Etcd(PathBuf),
    /// `pintle etcd`.
    Pintle(PathBuf),
}

/// A store that runs; ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub port: u16,
    /// From exec to the first answer to a read.
    pub ready_after: Duration,
}

impl Program {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Etcd(_) => "etcd",
            Self::Pintle(_) => "pintle",
        }
    }

    /// Starts the store of a directory and waits until it answers.
    pub async fn start(&self, directory: &Path) -> Result<Process, Box<dyn std::error::Error + Send + Sync>> {
        let (port, peer_port) = (free_port()?, free_port()?);
        let log = std::fs::File::create(directory.with_extension("log"))?;
        let began = Instant::now();
        let child = self
            .command(directory, port, peer_port)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", self.name()))?;
        let mut process = Process {
            child,
            port,
            ready_after: Duration::ZERO,
        };
        while !answers(port).await {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("{} ended at its start: {status}", self.name()).into());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{} does not answer", self.name()).into());
            }
            // Nobody tells when it will; this is how often its start is looked at, and so how exact the time is.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        process.ready_after = began.elapsed();
        Ok(process)
    }

    fn command(&self, directory: &Path, port: u16, peer_port: u16) -> Command {
        let client_url = format!("http://127.0.0.1:{port}");
        let mut command = match self {
            Self::Pintle(path) => {
                let mut command = Command::new(path);
                command.arg("etcd");
                command
            }
            Self::Etcd(path) => {
                let peer_url = format!("http://127.0.0.1:{peer_port}");
                let mut command = Command::new(path);
                command
                    .arg(format!("--listen-peer-urls={peer_url}"))
                    .arg(format!("--initial-advertise-peer-urls={peer_url}"))
                    .arg(format!("--initial-cluster=default={peer_url}"))
                    .args([
                        "--quota-backend-bytes=8589934592",
                        "--log-level=error",
                        "--logger=zap",
                    ]);
                command
            }
        };
        command
            .arg("--data-dir")
            .arg(directory)
            .arg(format!("--listen-client-urls={client_url}"))
            .arg(format!("--advertise-client-urls={client_url}"));
        command
    }
}

impl Process {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in good order.
    pub fn stop(mut self) -> Result<(), std::io::Error> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, std::io::Error> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn answers(port: u16) -> bool {
    let request = RangeRequest {
        key: "/".into(),
        ..RangeRequest::default()
    };
    let attempt = async {
        let connection = Connection::open(port).await.ok()?;
        connection.call(RANGE, framed(&request)).await.ok()
    };
    matches!(tokio::time::timeout(PATIENCE, attempt).await, Ok(Some(_)))
}
