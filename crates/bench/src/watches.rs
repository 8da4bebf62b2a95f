//! Watches: deliveries to many, memory of idle ones, and what those cost that do not read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use crate::pods;
use crate::process;
use crate::server::{Target, TargetOptions};
use crate::wire::{Address, Connection, SMALL_BUFFER};

/// Options of `watches`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// Watchers.
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// Changes that each is told.
    #[arg(long, default_value_t = 2000)]
    events: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: TargetOptions::default(),
            watchers: 1000,
            events: 2000,
        }
    }
}

const PATH: &str = "/api/v1/namespaces/bench/configmaps";

type Result_<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures and prints.
pub async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let target = Target::new(binary, &options.target)?;
    let address = Address::of(&target.kubeconfig).map_err(|e| e.to_string())?;
    measure(&target, &address, options)
        .await
        .map_err(|e| e.to_string().into())
}

async fn measure(target: &Target, address: &Address, options: &Options) -> Result_<()> {
    pods::fill(address, 0, 1, 2000).await?;
    let mut writer = address.connect().await?;
    put(&mut writer, "POST", PATH, 0).await?;
    idle_and_busy(target, address, options, &mut writer).await?;
    stalled(target, address, options, &mut writer).await
}

/// Memory per idle watch, then deliveries to all of them.
async fn idle_and_busy(
    target: &Target,
    address: &Address,
    options: &Options,
    writer: &mut Connection,
) -> Result_<()> {
    let idle = connections(address, options.watchers, None).await?;
    let before = process::resident_mb(&target.pids);
    let seen = Arc::new(AtomicU64::new(0));
    let mut readers = tokio::task::JoinSet::new();
    for mut connection in idle {
        watch(&mut connection).await?;
        let seen = seen.clone();
        readers.spawn(async move {
            let mut last = b'\n';
            // An event ends with a line, and so does nothing else in it.
            while connection
                .more(|bytes| {
                    let ends = bytes.windows(2).filter(|pair| *pair == b"}\n").count();
                    let across = u64::from(last == b'}' && bytes.first() == Some(&b'\n'));
                    seen.fetch_add(ends as u64 + across, Ordering::Relaxed);
                    last = bytes.last().copied().unwrap_or(last);
                })
                .await
                .is_ok()
            {}
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = process::resident_mb(&target.pids) - before;
    println!(
        "{} idle watches, each on a connection of its own: {:.1} KB each beside the connection",
        options.watchers,
        grown * 1024.0 / options.watchers as f64
    );
    let (began, cpu, start) = (
        Instant::now(),
        process::cpu(&target.pids),
        seen.load(Ordering::Relaxed),
    );
    for round in 1..=options.events {
        put(writer, "PUT", &format!("{PATH}/big"), round).await?;
    }
    let due = (options.watchers * options.events) as u64;
    while seen.load(Ordering::Relaxed) - start < due && began.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (took, used) = (began.elapsed(), process::cpu(&target.pids) - cpu);
    let told = seen.load(Ordering::Relaxed) - start;
    println!(
        "{} watchers, 1 KB events: {told} of {due} deliveries in {took:.1?}, {:.0} per second of server CPU",
        options.watchers,
        told as f64 / used.as_secs_f64()
    );
    Ok(())
}

/// What those cost that do not read.
async fn stalled(
    target: &Target,
    address: &Address,
    options: &Options,
    writer: &mut Connection,
) -> Result_<()> {
    let before = process::resident_mb(&target.pids);
    let mut slow = connections(address, options.watchers, Some(SMALL_BUFFER)).await?;
    for connection in &mut slow {
        watch(connection).await?;
    }
    for round in 1..=options.events {
        put(writer, "PUT", &format!("{PATH}/big"), round).await?;
    }
    let grown = process::resident_mb(&target.pids) - before;
    println!(
        "{} watchers that do not read, {} events: {grown:.1} MB more, {:.1} KB each with its connection",
        options.watchers,
        options.events,
        grown * 1024.0 / options.watchers as f64
    );
    Ok(())
}

async fn connections(
    address: &Address,
    count: usize,
    receive_buffer: Option<u32>,
) -> Result_<Vec<Connection>> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(address.connect_with(receive_buffer).await?);
    }
    Ok(all)
}

async fn watch(connection: &mut Connection) -> Result_<()> {
    connection
        .send("GET", &format!("{PATH}?watch=true&resourceVersion=0"), "", b"")
        .await?;
    match connection.begin().await? {
        200 => Ok(()),
        code => Err(format!("a watch was answered with {code}").into()),
    }
}

async fn put(connection: &mut Connection, method: &str, path: &str, round: usize) -> Result_<()> {
    let data = "x".repeat(700);
    let body = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"big"}},"data":{{"round":"{round}","x":"{data}"}}}}"#
    );
    let answer = connection
        .call(
            method,
            path,
            "Content-Type: application/json\r\n",
            body.as_bytes(),
        )
        .await?;
    match answer.code {
        200 | 201 | 409 => Ok(()),
        code => Err(format!("{method} {path} was answered with {code}").into()),
    }
}
