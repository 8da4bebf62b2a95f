//! The binary: command line, configuration, wiring, signals.

mod agent;
mod cli;
mod commands;
mod component;
mod flags;
mod holder;
mod killall;
mod logging;
mod node;
mod selfhosted;
mod server;
mod settings;
mod signals;
mod version;

use std::process::ExitCode;

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
