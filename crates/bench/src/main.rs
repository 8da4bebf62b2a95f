//! Load programs that run against pintle and any other Kubernetes API server.
//!
//! `start` measures how a server starts and what it takes when idle; `creates` how many pods it stores per second. With
//! `--kubeconfig` a program runs against a server that is there already (and `--pid` names its processes); else against a
//! pintle of its own.

mod creates;
mod process;
mod server;
mod start;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Load programs for Kubernetes API servers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    program: Option<Program>,
    /// The pintle binary.
    #[arg(long, default_value = "target/release/pintle", global = true)]
    binary: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// From exec to ready with an empty data directory; memory and CPU when idle.
    Start(start::Options),
    /// Durable pod creates per second.
    Creates(creates::Options),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    match arguments.program {
        Some(Program::Start(options)) => start::run(&arguments.binary, &options).await,
        Some(Program::Creates(options)) => creates::run(&arguments.binary, &options).await,
        None => {
            start::run(&arguments.binary, &start::Options::default()).await?;
            creates::run(&arguments.binary, &creates::Options::default()).await
        }
    }
}
