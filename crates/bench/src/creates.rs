//! Durable pod creates per second over HTTPS.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use crate::pods;
use crate::process;
use crate::server::{Target, TargetOptions};
use crate::table::Figure;
use crate::turns;
use crate::wire::{Address, Connection};

/// Options of `creates`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// Connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Pods.
    #[arg(long, default_value_t = 10_000)]
    pods: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: TargetOptions::default(),
            connections: 32,
            pods: 10_000,
        }
    }
}

/// Measures and prints.
pub async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    turns::run(
        binary,
        &options.target,
        async |target: &Target, address: &Address| measure(target, address, options).await,
    )
    .await
}

async fn measure(target: &Target, address: &Address, options: &Options) -> turns::Result<Vec<Figure>> {
    pods::namespace(address).await?;
    let mut connections = Vec::with_capacity(options.connections);
    for _ in 0..options.connections {
        connections.push(address.connect().await?);
    }
    let (began, before) = (Instant::now(), process::cpu(&target.pids));
    create(connections, options.pods).await?;
    let (took, used) = (began.elapsed(), process::cpu(&target.pids) - before);
    let rate = options.pods as f64 / took.as_secs_f64();
    let each = used / u32::try_from(options.pods)?.max(1);
    println!(
        "pod creates, {} connections: {rate:.0}/s, {} us of server CPU each, {:.1} MB resident with {} pods",
        options.connections,
        each.as_micros(),
        process::resident_mb(&target.pids),
        options.pods
    );
    Ok(vec![
        Figure::rate("pod creates", rate),
        Figure::microseconds("pod creates, CPU each", each),
    ])
}

/// Makes so many pods, each connection the next that nobody has made.
async fn create(connections: Vec<Connection>, pods: usize) -> turns::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for mut connection in connections {
        let next = next.clone();
        writers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= pods {
                    return turns::Result::Ok(());
                }
                pods::post(&mut connection, pods::PATH, &pod(number)).await?;
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
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
