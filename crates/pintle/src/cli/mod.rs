//! The command line. Names follow k3s and upstream.

mod config_file;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::server::{self, ServerOptions};

/// A Kubernetes master node in one binary.
#[derive(Debug, Parser)]
#[command(name = "pintle", version = env!("CARGO_PKG_VERSION"), args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say more in the log; twice: everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a master node.
    Server(Box<ServerOptions>),
    /// Print the version.
    Version,
}

/// What the command line asks for.
pub struct Invocation(Cli);

/// Why nothing is run.
pub enum Exit {
    /// Help or the version was asked for.
    Help(clap::Error),
    /// The command line or a configuration file is wrong: one line says what.
    Usage(String),
}

impl Exit {
    /// Says why, and gives the exit code.
    pub fn print(self) -> ExitCode {
        match self {
            Self::Help(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Self::Usage(line) => {
                eprintln!("pintle: {line}");
                ExitCode::from(2)
            }
        }
    }
}

/// Reads the command line; for commands with `--config`, the file's settings first, so that the command line wins.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Exit> {
    let arguments = config_file::expand(arguments.into_iter().collect()).map_err(Exit::Usage)?;
    // A later value of an option replaces an earlier one, in subcommands too.
    let command = Cli::command().mut_subcommands(|command| command.args_override_self(true));
    let parsed = command
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map(Invocation).map_err(|error| {
        if error.use_stderr() {
            Exit::Usage(first_line(&error))
        } else {
            Exit::Help(error)
        }
    })
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}

impl Invocation {
    /// How much the log says.
    pub fn verbosity(&self) -> u8 {
        self.0.verbose
    }

    /// Does it.
    pub fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        match self.0.command {
            Command::Server(options) => server::run(*options).map_err(Into::into),
            Command::Version => {
                println!(
                    "pintle {} (Kubernetes {})",
                    env!("CARGO_PKG_VERSION"),
                    crate::version::git_version()
                );
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(arguments: &[&str]) -> String {
        match parse(arguments.iter().map(OsString::from)) {
            Err(Exit::Usage(line)) => line,
            _ => panic!("{arguments:?} should be refused"),
        }
    }

    #[test]
    fn unknown_flags_are_one_clear_line() {
        let line = usage(&["pintle", "server", "--nonsense"]);
        assert!(line.contains("--nonsense") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn wrong_values_name_the_flag() {
        let line = usage(&["pintle", "server", "--https-listen-port", "x"]);
        assert!(line.contains("--https-listen-port"), "{line}");
    }
}
