//! Durable pod creates per second over HTTPS.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use crate::pods;
use crate::process;
use crate::server::Server;
use crate::wire::Address;

/// Options of `creates`.
#[derive(Debug, Args)]
pub struct Options {
    /// Connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Pods.
    #[arg(long, default_value_t = 10_000)]
    pods: usize,
    /// A server that is there already.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Its processes, for the CPU they use.
    #[arg(long)]
    pid: Vec<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 32,
            pods: 10_000,
            kubeconfig: None,
            pid: Vec::new(),
        }
    }
}

/// Measures and prints.
pub async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let own = match options.kubeconfig {
        Some(_) => None,
        None => Some(Server::start(binary)?),
    };
    let kubeconfig = match (&options.kubeconfig, &own) {
        (Some(path), _) => path.clone(),
        (None, Some(server)) => server.kubeconfig.clone(),
        (None, None) => return Ok(()),
    };
    let pids = own
        .as_ref()
        .map_or_else(|| options.pid.clone(), |server| vec![server.pid()]);
    let address = Address::of(&kubeconfig).map_err(|error| error.to_string())?;
    pods::namespace(&address)
        .await
        .map_err(|error| error.to_string())?;

    let next = Arc::new(AtomicUsize::new(0));
    let (began, before) = (Instant::now(), process::cpu(&pids));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..options.connections {
        let (mut connection, next, pods) = (
            address.connect().await.map_err(|error| error.to_string())?,
            next.clone(),
            options.pods,
        );
        writers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= pods {
                    return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(());
                }
                pods::post(&mut connection, pods::PATH, &pod(number)).await?;
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer?.map_err(|error| error.to_string())?;
    }
    let (took, used) = (began.elapsed(), process::cpu(&pids) - before);
    let rate = options.pods as f64 / took.as_secs_f64();
    let each = used.as_micros() as f64 / options.pods as f64;
    println!(
        "pod creates, {} connections: {rate:.0}/s, {each:.0} us of server CPU each, {:.1} MB resident with {} pods",
        options.connections,
        process::resident_mb(&pids),
        options.pods
    );
    Ok(())
}

/// A pod that no scheduler looks at, so that only creates are measured.
fn pod(number: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": format!("pod-{number}"), "labels": { "app": "bench", "number": number.to_string() } },
        "spec": {
            "schedulerName": "nobody",
            "containers": [{
                "name": "main",
                "image": "localhost/bench:1",
                "env": [{ "name": "NUMBER", "value": number.to_string() }],
                "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
            }],
        },
    })
}
