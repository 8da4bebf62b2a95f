//! The binary: command line, configuration, wiring, signals.

mod cli;
mod commands;
mod component;
mod flags;
mod killall;
mod logging;
mod node;
mod server;
mod settings;
mod signals;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
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
