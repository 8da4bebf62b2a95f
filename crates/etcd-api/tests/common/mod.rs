//! Servers to ask, ours and a real etcd, and the real etcdctl to ask with.

#![allow(dead_code)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_api::{EtcdApi, Lessor, Settings, server};
use store::StateStore;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Nothing a test waits for takes so long.
pub const SOON: Duration = Duration::from_secs(30);

/// Our API over a store. It ends when this is dropped.
pub struct Ours {
    pub address: SocketAddr,
    pub store: Arc<dyn StateStore>,
    shutdown: CancellationToken,
}

impl Ours {
    /// Serves a store without TLS.
    pub async fn start(store: Arc<dyn StateStore>) -> Self {
        Self::with(store, None, |_| {}).await
    }

    /// Serves a store as is wanted.
    pub async fn with(
        store: Arc<dyn StateStore>,
        tls: Option<Arc<rustls::ServerConfig>>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut settings = Settings {
            client_urls: vec![format!("{scheme}://{address}")],
            ..Settings::default()
        };
        change(&mut settings);
        let shutdown = settings.shutdown.clone();
        let leases = Lessor::start(store.clone()).await.expect("readable");
        let api = EtcdApi::open(store.clone(), leases, settings)
            .await
            .expect("readable");
        tokio::spawn(server::serve(api, listener, tls));
        Self {
            address,
            store,
            shutdown,
        }
    }

    /// Runs etcdctl, which must succeed. Gives what it prints.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let output = self.try_ctl(arguments).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {arguments:?}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs etcdctl.
    pub async fn try_ctl(&self, arguments: &[&str]) -> Output {
        etcdctl(&format!("http://{}", self.address), arguments).await
    }

    /// Runs etcdctl, which must fail. Gives what it says.
    pub async fn refused(&self, arguments: &[&str]) -> String {
        let output = self.try_ctl(arguments).await;
        assert!(!output.status.success(), "etcdctl {arguments:?} should fail");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A command that is etcdctl for an endpoint.
pub fn etcdctl_command(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("etcdctl");
    command
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints={endpoint}"))
        .args(arguments);
    command
}

/// Runs etcdctl, within a time.
pub async fn etcdctl(endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::from(etcdctl_command(endpoint, arguments));
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(SOON, command.output()).await;
    output.expect("etcdctl ends").expect("etcdctl is installed")
}

/// A real etcd. It ends when this is dropped.
pub struct RealEtcd {
    pub endpoint: String,
    process: Child,
    _folder: Option<TempDir>,
}

impl RealEtcd {
    /// An empty one.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut etcd = Self::over(&folder.path().join("data")).await;
        etcd._folder = Some(folder);
        etcd
    }

    /// One over a data directory.
    pub async fn over(data: &Path) -> Self {
        let (client, peer) = (free_port(), free_port());
        let endpoint = format!("http://127.0.0.1:{client}");
        let peers = format!("http://127.0.0.1:{peer}");
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(data)
            .args([
                "--listen-client-urls",
                &endpoint,
                "--advertise-client-urls",
                &endpoint,
            ])
            .args([
                "--listen-peer-urls",
                &peers,
                "--initial-advertise-peer-urls",
                &peers,
            ])
            .args([
                "--initial-cluster",
                &format!("default={peers}"),
                "--unsafe-no-fsync",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd is installed");
        let etcd = Self {
            endpoint,
            process,
            _folder: None,
        };
        let started = Instant::now();
        while !etcdctl(&etcd.endpoint, &["endpoint", "health"])
            .await
            .status
            .success()
        {
            assert!(started.elapsed() < SOON, "etcd does not start");
        }
        etcd
    }
}

impl Drop for RealEtcd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that was free a moment ago: etcd has to be told one.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}
