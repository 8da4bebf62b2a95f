//! Load programs that run against pintle and any other Kubernetes API server.
//!
//! `start` measures how a server starts and what it takes when idle; `creates` how many pods it stores per second; `reads`,
//! `lists` and `watches` what reading costs it; `node` what a one-node cluster takes when idle, and how soon a pod runs; `store` sets the state store beside a real etcd. With `--kubeconfig` a program runs against a server that is there already (and `--pid` names its processes); else against a
//! pintle of its own. With `--against` (and `--against-pid`) it runs against both in turns, and says what one has of the other.

mod creates;
mod lists;
mod node;
mod pods;
mod process;
mod reads;
mod server;
mod start;
mod state_store;
mod table;
mod turns;
mod watches;
mod wire;

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
    /// A one-node cluster on a machine of its own: idle memory and CPU, time from a pod's creation until it runs.
    Node(node::Options),
    /// Durable pod creates per second.
    Creates(creates::Options),
    /// GET of one object, PATCH of one that is watched.
    Reads(reads::Options),
    /// Lists, whole and in pages, by selector, at once and slowly; and their memory.
    Lists(lists::Options),
    /// Deliveries to many watchers, and what watchers cost that are idle or do not read.
    Watches(watches::Options),
    /// The state store beside a real etcd: puts, reads, watches, memory, disk, start.
    Store(state_store::Options),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let binary = &arguments.binary;
    match arguments.program {
        Some(Program::Start(options)) => block_on(start::run(binary, &options)),
        Some(Program::Creates(options)) => block_on(creates::run(binary, &options)),
        Some(Program::Reads(options)) => block_on(reads::run(binary, &options)),
        Some(Program::Lists(options)) => block_on(lists::run(binary, &options)),
        Some(Program::Watches(options)) => block_on(watches::run(binary, &options)),
        Some(Program::Node(options)) => node::run(binary, &options),
        Some(Program::Store(options)) => state_store::run(binary, &options),
        // Inside the machine that `node` made, only its part is to be done.
        None if testkit::Machine::is_inside() => node::run(binary, &node::Options::default()),
        None => {
            block_on(start::run(binary, &start::Options::default()))?;
            block_on(creates::run(binary, &creates::Options::default()))?;
            block_on(reads::run(binary, &reads::Options::default()))?;
            block_on(lists::run(binary, &lists::Options::default()))?;
            block_on(watches::run(binary, &watches::Options::default()))?;
            state_store::run(binary, &state_store::Options::shortened())?;
            node::run(binary, &node::Options::default())
        }
    }
}

fn block_on<T>(
    work: impl Future<Output = Result<T, Box<dyn std::error::Error>>>,
) -> Result<T, Box<dyn std::error::Error>> {
    tokio::runtime::Runtime::new()?.block_on(work)
}
