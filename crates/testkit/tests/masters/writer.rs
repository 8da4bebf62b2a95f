//! A client that writes all the time, over all masters in turn, and remembers what was acknowledged.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use client::config::ClientConfig;
use client::k8s_openapi::api::core::v1::ConfigMap;
use client::{Client, Scope, https};
use testkit::Machine;

/// A write that takes longer is not waited for, and counts as not acknowledged.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// It writes until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Writer {
    /// Begins to write, from the machine that is no node.
    pub fn start(machine: &Machine, kubeconfig: &Path, servers: &[String]) -> Self {
        let (stop, lan) = (Arc::new(AtomicBool::new(false)), machine.lan().clone());
        let (stopped, kubeconfig, servers) = (stop.clone(), kubeconfig.to_owned(), servers.to_vec());
        let thread = std::thread::spawn(move || lan.run(|| write_all(&kubeconfig, &servers, &stopped)));
        Self { stop, thread }
    }

    /// Ends it; gives the names of all ConfigMaps whose creation was acknowledged.
    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer writes")
    }
}

fn write_all(kubeconfig: &Path, servers: &[String], stop: &AtomicBool) -> Vec<String> {
    // One thread: its sockets are in the right network.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let clients: Vec<Client> = servers.iter().map(|server| client(kubeconfig, server)).collect();
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let mut map = ConfigMap::default();
            let name = format!("w-{number}");
            map.metadata.name = Some(name.clone());
            let client = &clients[number % clients.len()];
            let created = client.create(Scope::Namespace("default"), &map);
            if let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, created).await {
                acknowledged.push(name);
            }
            tokio::time::sleep(PAUSE).await;
        }
        acknowledged
    })
}

fn client(kubeconfig: &Path, server: &str) -> Client {
    let mut config = ClientConfig::from_kubeconfig(kubeconfig).expect("a kubeconfig");
    config.server = server.to_owned();
    Client::new(https::connect(&config).expect("usable"), "writer")
}
