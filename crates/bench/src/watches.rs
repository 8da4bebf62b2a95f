//! Watches: deliveries to many, memory of idle ones, and what those cost that do not read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use client::k8s_openapi::api::core::v1::ConfigMap;
use client::{Client, ListOptions, Scope};

use crate::pods;
use crate::process;
use crate::server::{Target, TargetOptions, connect};
use crate::table::Figure;
use crate::turns::{self, Result as Result_};
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

/// Writers at a time.
const WRITERS: usize = 8;
/// Watches on a connection that is shared.
const STREAMS: usize = 100;
const PATH: &str = "/api/v1/namespaces/bench/configmaps";

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
    pods::fill(address, 0, 1, 2000).await?;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let mut connection = address.connect().await?;
        put(&mut connection, "POST", number, 0).await?;
        writers.push(connection);
    }
    let told = idle_and_busy(target, address, options, &mut writers).await?;
    streams(target, options).await?;
    stalled(target, address, options, &mut writers).await?;
    Ok(vec![told])
}

/// Memory per idle watch, then deliveries to all of them.
async fn idle_and_busy(
    target: &Target,
    address: &Address,
    options: &Options,
    writers: &mut [Connection],
) -> Result_<Figure> {
    let mut idle = connections(address, options.watchers, None).await?;
    for connection in &mut idle {
        connection
            .get(&format!("{PATH}/big-0"), "application/json")
            .await?;
    }
    let before = process::resident_mb(&target.pids);
    let seen = Arc::new(AtomicU64::new(0));
    let mut readers = tokio::task::JoinSet::new();
    for mut connection in idle {
        watch(&mut connection).await?;
        let seen = seen.clone();
        readers.spawn(async move { while count(&mut connection, &seen).await.is_ok() {} });
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
    let written = write(writers, options.events).await?;
    let due = (options.watchers * written) as u64;
    while seen.load(Ordering::Relaxed) - start < due && began.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (took, used) = (began.elapsed(), process::cpu(&target.pids) - cpu);
    let told = seen.load(Ordering::Relaxed) - start;
    let rate = told as f64 / used.as_secs_f64();
    println!(
        "{} watchers, 1 KB events: {told} of {due} deliveries in {took:.1?}, {rate:.0} per second of server CPU",
        options.watchers,
    );
    Ok(Figure::rate("deliveries per second of CPU", rate))
}

/// Reads what has come, and counts the events in it.
async fn count(connection: &mut Connection, seen: &AtomicU64) -> Result_<()> {
    connection
        .more(|bytes| {
            // An event begins so, and nothing in it does. One that is cut in two here is missed, which is rare.
            let begins = bytes.windows(9).filter(|part| *part == b"{\"type\":\"").count();
            seen.fetch_add(begins as u64, Ordering::Relaxed);
        })
        .await
}

/// Memory per idle watch where many share a connection.
async fn streams(target: &Target, options: &Options) -> Result_<()> {
    let mut watches = Vec::new();
    let clients = options.watchers.div_ceil(STREAMS);
    let clients: Vec<Client> = (0..clients)
        .map(|_| connect(&target.kubeconfig).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let all = ListOptions::default();
    for client in &clients {
        client
            .list::<ConfigMap>(Scope::Namespace(pods::NAMESPACE), &all)
            .await?;
    }
    let before = process::resident_mb(&target.pids);
    for number in 0..options.watchers {
        let client = &clients[number / STREAMS];
        let scope = Scope::Namespace(pods::NAMESPACE);
        watches.push(client.watch::<ConfigMap>(scope, &all, "0").await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = process::resident_mb(&target.pids) - before;
    println!(
        "{} idle watches, {STREAMS} on a connection: {:.1} KB each",
        options.watchers,
        grown * 1024.0 / options.watchers as f64
    );
    Ok(())
}

/// What those cost that do not read.
async fn stalled(
    target: &Target,
    address: &Address,
    options: &Options,
    writers: &mut [Connection],
) -> Result_<()> {
    let before = process::resident_mb(&target.pids);
    let mut slow = connections(address, options.watchers, Some(SMALL_BUFFER)).await?;
    for connection in &mut slow {
        watch(connection).await?;
    }
    let written = write(writers, options.events).await?;
    let grown = process::resident_mb(&target.pids) - before;
    println!(
        "{} watchers that do not read, {written} events: {grown:.1} MB more, {:.1} KB each with its connection",
        options.watchers,
        grown * 1024.0 / options.watchers as f64
    );
    Ok(())
}

/// Changes objects, each writer its own; says how many changes that were.
async fn write(writers: &mut [Connection], events: usize) -> Result_<usize> {
    let each = events / writers.len();
    let count = each * writers.len();
    let writers = writers
        .iter_mut()
        .enumerate()
        .map(|(number, connection)| async move {
            for round in 1..=each {
                put(connection, "PUT", number, round).await?;
            }
            Result_::Ok(())
        });
    futures::future::try_join_all(writers).await?;
    Ok(count)
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

async fn put(connection: &mut Connection, method: &str, number: usize, round: usize) -> Result_<()> {
    let data = "x".repeat(700);
    let body = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"big-{number}"}},"data":{{"round":"{round}-{}","x":"{data}"}}}}"#,
        std::process::id()
    );
    let path = match method {
        "POST" => PATH.to_owned(),
        _ => format!("{PATH}/big-{number}"),
    };
    let answer = connection
        .call(
            method,
            &path,
            "Content-Type: application/json\r\n",
            body.as_bytes(),
        )
        .await?;
    match answer.code {
        200 | 201 | 409 => Ok(()),
        code => Err(format!("{method} {path} was answered with {code}").into()),
    }
}
