//! How a server starts, and what it takes when idle.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::process;
use crate::server::Server;

/// Options of `start`.
#[derive(Debug, Args)]
pub struct Options {
    /// How often to start.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long to watch the idle server, seconds.
    #[arg(long, default_value_t = 20)]
    idle_seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 5,
            idle_seconds: 20,
        }
    }
}

/// Measures and prints.
pub async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut starts = Vec::new();
    for _ in 0..options.rounds.max(1) {
        starts.push(Server::start(binary)?.ready_after);
    }
    starts.sort();
    println!(
        "start to ready, empty data directory: median {:?} of {starts:?}",
        starts[starts.len() / 2]
    );

    let server = Server::start(binary)?;
    let pids = [server.pid()];
    // What starting has left to do is not idling.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = process::cpu(&pids);
    tokio::time::sleep(Duration::from_secs(options.idle_seconds)).await;
    let used = process::cpu(&pids) - before;
    let share = used.as_secs_f64() / options.idle_seconds as f64 * 100.0;
    println!(
        "idle: {:.1} MB resident, {share:.2}% of a core over {} s",
        process::resident_mb(&pids),
        options.idle_seconds
    );
    Ok(())
}
