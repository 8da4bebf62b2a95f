//! A one-node cluster: what it takes when idle, and how soon a pod runs.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use client::k8s_openapi::api::core::v1::Pod;
use client::{Client, DeleteOptions, ListOptions, Scope, WatchEvent};
use futures::StreamExt;
use serde_json::json;
use testkit::{Machine, Server, ServerBuilder};

use crate::process;
use crate::server::connect;

/// Options of `node`.
#[derive(Debug, Args)]
pub struct Options {
    /// How many pods are run, one after the other.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// How long to watch the idle cluster, seconds.
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 10,
            idle_seconds: 60,
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const NAMESPACE: Scope<'static> = Scope::Namespace("default");

/// Measures and prints.
pub fn run(binary: &Path, options: &Options) -> Result<()> {
    let binary = std::fs::canonicalize(binary)?;
    let succeeded = Machine::program(|machine| {
        let server = ServerBuilder::node(machine, "bench").of(&binary).start();
        let measured = machine
            .lan()
            .node("bench")
            .run(|| measure(&server, options).map_err(|error| error.to_string()));
        if let Err(error) = measured {
            panic!("{error}");
        }
    });
    match succeeded {
        Some(false) => Err("the cluster could not be measured".into()),
        _ => Ok(()),
    }
}

/// Runs on a thread in the node's network, and so does everything it starts.
fn measure(server: &Server, options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = connect(server.kubeconfig())?;
        let mut runs = vec![run_pod(&client, "warm-up").await?];
        // What starting has left to do is not idling.
        tokio::time::sleep(Duration::from_secs(5)).await;
        idle(server, options).await;
        runs.clear();
        for round in 0..options.rounds.max(1) {
            runs.push(run_pod(&client, &format!("round-{round}")).await?);
        }
        runs.sort();
        println!(
            "pod created to running, image present: median {:?} of {runs:?}",
            runs[runs.len() / 2]
        );
        Ok(())
    })
}

async fn idle(server: &Server, options: &Options) {
    let pids = [server.pid()];
    let before = process::cpu(&pids);
    tokio::time::sleep(Duration::from_secs(options.idle_seconds)).await;
    let used = process::cpu(&pids) - before;
    println!(
        "idle one-node cluster: {:.1} MB resident (containerd and its shims aside), {:.2}% of a core over {} s",
        process::resident_mb(&pids),
        used.as_secs_f64() / options.idle_seconds as f64 * 100.0,
        options.idle_seconds
    );
}

/// From the request that creates a pod to the event that says it runs.
async fn run_pod(client: &Client, name: &str) -> Result<Duration> {
    let only = ListOptions::fields(format!("metadata.name={name}"));
    let version = client.list::<Pod>(NAMESPACE, &only).await?.resource_version;
    let mut events = client.watch::<Pod>(NAMESPACE, &only, &version).await?;
    let began = Instant::now();
    client.create(NAMESPACE, &pod(name)?).await?;
    loop {
        let event = events.next().await.ok_or("the watch ended")??;
        if let WatchEvent::Modified(pod) = event
            && is_running(&pod)
        {
            break;
        }
    }
    let took = began.elapsed();
    let at_once = DeleteOptions {
        grace_period_seconds: Some(0),
        ..DeleteOptions::default()
    };
    client.delete::<Pod>(NAMESPACE, name, &at_once).await?;
    Ok(took)
}

fn is_running(pod: &Pod) -> bool {
    let statuses = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten());
    let mut states = statuses.filter_map(|status| status.state.as_ref());
    states.any(|state| state.running.is_some())
}

fn pod(name: &str) -> Result<Pod> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": testkit::image::TEST_IMAGES[0]}],
        },
    }))?)
}
