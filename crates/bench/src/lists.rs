//! Lists: pages, everything, by selector; and the memory they take when many read at once, or read slowly.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::pods;
use crate::process;
use crate::reads::Load;
use crate::server::{Target, TargetOptions};
use crate::table::Figure;
use crate::turns::{self, Result as Result_};
use crate::wire::{Address, Connection, SMALL_BUFFER};

/// Options of `lists`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// Pods.
    #[arg(long, default_value_t = 19_000)]
    pods: usize,
    /// Bytes of a pod as stored, about.
    #[arg(long, default_value_t = 2000)]
    bytes: usize,
    /// Seconds each measurement lasts.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: TargetOptions::default(),
            pods: 19_000,
            bytes: 2000,
            seconds: 5,
        }
    }
}

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Measures and prints.
pub async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    turns::run(
        binary,
        &options.target,
        async |target: &Target, address: &Address| measure(target, address, options).await,
    )
    .await
}

async fn measure(target: &Target, address: &Address, options: &Options) -> Result_<Vec<Figure>> {
    let memory = |when: &str| {
        println!(
            "memory {when}: {:.1} MB, at most {:.1} MB so far",
            process::resident_mb(&target.pids),
            process::peak_mb(&target.pids)
        );
    };
    let mut figures = Vec::new();
    memory("empty");
    pods::fill(address, 0, options.pods, options.bytes).await?;
    memory(&format!("with {} pods", options.pods));
    let all = address
        .connect()
        .await?
        .get(&format!("{}?resourceVersion=0", pods::PATH), JSON)
        .await?;
    println!("all pods in JSON: {:.1} MB", all.bytes as f64 / 1e6);
    for (what, query, accept, connections) in [
        ("LIST limit=500 JSON", "limit=500", JSON, 16),
        ("LIST limit=500 protobuf", "limit=500", PROTOBUF, 16),
        ("LIST all JSON", "resourceVersion=0", JSON, 1),
        ("LIST all protobuf", "resourceVersion=0", PROTOBUF, 1),
        ("LIST by label, 1%", "labelSelector=rare%3Dyes", JSON, 1),
        ("LIST by label, none", "labelSelector=rare%3Dno", JSON, 1),
        ("LIST by label, 10%", "labelSelector=tier%3Dtier-3", JSON, 1),
    ] {
        let path = format!("{}?{query}", pods::PATH);
        let load = Load {
            target,
            address,
            connections,
            seconds: options.seconds,
        };
        let rate = load
            .run(what, async |connection: &mut Connection, _| {
                connection.get(&path, accept).await.map(drop)
            })
            .await?;
        figures.extend(rate);
    }
    memory("after the lists");
    for (what, accept) in [("JSON", JSON), ("protobuf", PROTOBUF)] {
        let load = Load {
            target,
            address,
            connections: 16,
            seconds: options.seconds,
        };
        let path = format!("{}?resourceVersion=0", pods::PATH);
        load.run(
            &format!("LIST all {what}"),
            async |connection: &mut Connection, _| connection.get(&path, accept).await.map(drop),
        )
        .await?;
        memory(&format!("after 16 whole lists in {what} at a time"));
        figures.push(Figure::megabytes(
            &format!("peak memory, 16 whole lists, {what}"),
            process::peak_mb(&target.pids) * f64::from(1 << 20),
        ));
    }
    let mut stalled = Vec::new();
    for _ in 0..16 {
        let mut connection = address.connect_with(Some(SMALL_BUFFER)).await?;
        connection
            .send("GET", &format!("{}?resourceVersion=0", pods::PATH), "", b"")
            .await?;
        stalled.push(connection);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    memory("with 16 whole lists that nobody reads");
    Ok(figures)
}
