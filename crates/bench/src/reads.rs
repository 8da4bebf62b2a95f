//! GET of one object, and PATCH of one that is watched.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;

use crate::pods;
use crate::process;
use crate::server::{Target, TargetOptions};
use crate::table::Figure;
use crate::turns::{self, Result as Result_};
use crate::wire::{Address, Connection};

/// Options of `reads`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// Connections.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seconds each measurement lasts.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: TargetOptions::default(),
            connections: 16,
            seconds: 5,
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

async fn measure(target: &Target, address: &Address, options: &Options) -> Result_<Vec<Figure>> {
    pods::fill(address, 0, 1000, 2000).await?;
    pods::fill(address, 900_000, 900_001, 10_000).await?;
    let mut figures = Vec::new();
    let (small, large) = (pods::name(1), pods::name(900_000));
    for (what, accept) in [
        ("JSON", "application/json"),
        ("protobuf", "application/vnd.kubernetes.protobuf"),
    ] {
        let path = format!("{}/{small}", pods::PATH);
        let load = Load {
            target,
            address,
            connections: options.connections,
            seconds: options.seconds,
        };
        let rate = load
            .run(
                &format!("GET one object, {what}"),
                async |connection: &mut Connection, _| connection.get(&path, accept).await.map(drop),
            )
            .await?;
        figures.extend(rate);
    }
    let path = format!("{}/{large}", pods::PATH);
    let mut watchers = Vec::new();
    for _ in 0..10 {
        let mut connection = address.connect().await?;
        let watch = format!("{}?watch=true&resourceVersion=0", pods::PATH);
        connection.send("GET", &watch, "", b"").await?;
        watchers.push(tokio::spawn(async move {
            let _ = connection.begin().await;
            while connection.more(|_| ()).await.is_ok() {}
        }));
    }
    let load = Load {
        target,
        address,
        connections: 1,
        seconds: options.seconds,
    };
    let rate = load
        .run(
            "PATCH of a 10 KB pod, 10 watchers",
            async |connection: &mut Connection, round| {
                let body = format!(r#"{{"metadata":{{"annotations":{{"round":"{round}"}}}}}}"#);
                let header = "Content-Type: application/merge-patch+json\r\n";
                match connection
                    .call("PATCH", &path, header, body.as_bytes())
                    .await?
                    .code
                {
                    200 => Ok(()),
                    code => Err(format!("PATCH was answered with {code}").into()),
                }
            },
        )
        .await?;
    figures.extend(rate);
    watchers.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(figures)
}

/// A load of one request after the other on each connection.
pub struct Load<'a> {
    /// The server.
    pub target: &'a Target,
    /// Where it is.
    pub address: &'a Address,
    /// Connections.
    pub connections: usize,
    /// How long.
    pub seconds: u64,
}

impl Load<'_> {
    /// Measures and prints: how many in a second, and the CPU of one.
    pub async fn run(
        &self,
        what: &str,
        request: impl AsyncFn(&mut Connection, usize) -> Result_<()>,
    ) -> Result_<[Figure; 2]> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            let mut connection = self.address.connect().await?;
            request(&mut connection, 0).await?;
            connections.push(connection);
        }
        let (began, before) = (Instant::now(), process::cpu(&self.target.pids));
        let end = began + Duration::from_secs(self.seconds);
        let request = &request;
        let readers = connections.into_iter().map(|mut connection| async move {
            let mut count = 0;
            while Instant::now() < end {
                count += 1;
                request(&mut connection, count).await?;
            }
            Result_::Ok(count)
        });
        let counts = futures::future::try_join_all(readers).await?;
        let (took, used) = (began.elapsed(), process::cpu(&self.target.pids) - before);
        let count: usize = counts.iter().sum();
        let rate = count as f64 / took.as_secs_f64();
        let each = used / u32::try_from(count)?.max(1);
        println!(
            "{what}, {} connections: {rate:.0}/s, {} us of server CPU each",
            self.connections,
            each.as_micros(),
        );
        let figure = format!("{what}, {} connections", self.connections);
        Ok([
            Figure::rate(&figure, rate),
            Figure::microseconds(&format!("{what}, CPU each"), each),
        ])
    }
}
