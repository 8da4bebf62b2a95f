//! The binary: command line, configuration, wiring, signals.

mod agent;
mod cli;
mod commands;
mod component;
mod etcd;
mod flags;
mod holder;
mod killall;
mod logging;
mod node;
mod renewal;
mod runtime;
mod selfhosted;
mod server;
mod settings;
mod signals;
mod version;

use std::process::ExitCode;

/// A server takes memory in many small pieces, and gives much of it back on other threads than it took it on: with the C
/// library's allocator a fifth of its CPU goes there. `docs/performance.md` has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(plugin) = std::env::args_os().next().and_then(network::cni::Plugin::named) {
        let variable = |name: &str| std::env::var(name).ok();
        let (mut input, mut output) = (std::io::stdin(), std::io::stdout());
        return network::cni::main(plugin, variable, &mut input, &mut output).into();
    }
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => return exit.print(),
    };
    logging::start(command.verbosity());
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pintle: {}", client::controller::Chain(&*error));
            ExitCode::FAILURE
        }
    }
}
