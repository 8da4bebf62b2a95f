//! The command line. Names follow k3s and upstream.

mod config_file;
mod environment;
mod upstream;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::agent::{self, AgentOptions};
use crate::commands::{ShortCommand, print_completion};
use crate::component::Run;
use crate::etcd::{self, EtcdOptions};
use crate::killall::KillallCommand;
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
    /// Run a worker node of a cluster.
    Agent(Box<AgentOptions>),
    #[command(flatten)]
    Short(ShortCommand),
    Killall(KillallCommand),
    /// Run the state store alone, for clients of etcd.
    Etcd(Box<EtcdOptions>),
    /// Print what a shell needs to complete pintle's command line.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    #[command(flatten)]
    Component(upstream::ComponentCommand),
}

/// What the command line asks for.
pub struct Invocation {
    what: What,
    verbosity: u8,
    /// What was given and has no effect: for the log.
    warnings: Vec<String>,
}

enum What {
    Command(Command),
    Component(Run),
}

/// Why nothing is run.
#[derive(Debug)]
pub enum Exit {
    /// A text was asked for: help, or the version.
    Text(String),
    /// The command line or a configuration file is wrong: one line says what.
    Usage(String),
}

impl Exit {
    /// Says why, and gives the exit code.
    pub fn print(self) -> ExitCode {
        match self {
            Self::Text(text) => {
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
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some((component, flags)) = upstream::component(&arguments) {
        return upstream::parse(component, flags);
    }
    let command = command();
    let arguments = config_file::expand(arguments, &command).map_err(Exit::Usage)?;
    let given = config_file::behind_command(&arguments);
    let parsed = command
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let mut cli = parsed.map_err(|error| match error.use_stderr() {
        true => Exit::Usage(first_line(&error)),
        false => Exit::Text(error.to_string()),
    })?;
    let warnings = match &mut cli.command {
        Command::Server(options) => {
            // Other processes are told of what lies in it, and work in other folders.
            options.data_dir = absolute(&options.data_dir)?;
            options.given = given;
            options
                .apply_upstream_arguments()
                .map_err(|error| Exit::Usage(error.to_string()))?
        }
        Command::Agent(options) => options
            .node
            .apply_upstream_arguments()
            .map_err(|error| Exit::Usage(error.to_string()))?,
        _ => Vec::new(),
    };
    Ok(Invocation {
        verbosity: cli.verbose,
        what: What::Command(cli.command),
        warnings,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Exit> {
    std::path::absolute(path).map_err(|error| Exit::Usage(format!("{path:?} is no path: {error}")))
}

/// The commands, with a variable of the environment for every option. A later value of an option replaces an earlier one,
/// in subcommands too.
fn command() -> clap::Command {
    let command = Cli::command().mut_subcommands(|command| command.args_override_self(true));
    environment::bind(command)
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}

impl Invocation {
    /// How much the log says: 0, 1 or 2.
    pub fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// Does it.
    pub fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        for warning in self.warnings {
            tracing::warn!("{warning}");
        }
        match self.what {
            What::Component(run) => run.run(),
            What::Command(command) => command.run(),
        }
    }
}

impl Command {
    fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        match self {
            Self::Server(options) => server::run(*options).map_err(Into::into),
            Self::Agent(options) => agent::run(*options).map_err(Into::into),
            Self::Short(command) => command.run().map_err(Into::into),
            Self::Etcd(options) => etcd::run(*options).map_err(Into::into),
            Self::Killall(command) => command.run().map_err(Into::into),
            Self::Completion { shell } => {
                print_completion(shell, command());
                Ok(())
            }
            // Their flags are upstream's, so they are read before the others.
            Self::Component(component) => component.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Invocation, Exit> {
        parse(arguments.iter().map(OsString::from))
    }

    fn usage(arguments: &[&str]) -> String {
        match read(arguments) {
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

    #[test]
    fn flags_of_upstreams_components_pass_through() {
        let with = |argument: &str| {
            let found = read(&["pintle", "server", argument])?;
            match found.what {
                What::Command(Command::Server(options)) => Ok((*options, found.warnings)),
                _ => panic!("a server was asked for"),
            }
        };
        let (options, _) = with("--kube-apiserver-arg=max-requests-inflight=7").expect("read");
        assert_eq!(options.api.max_requests_inflight, 7);
        let (_, warnings) = with("--kube-apiserver-arg=watch-cache=true").expect("read");
        assert_eq!(warnings.len(), 1);
        let (_, warnings) = with("--kube-scheduler-arg=kubeconfig=x").expect("read");
        assert!(warnings[0].contains("part of this process"), "{warnings:?}");
        for (argument, message) in [
            ("--kube-apiserver-arg=nonsense=1", "unknown flag: --nonsense"),
            (
                "--kube-apiserver-arg=tracing-config-file=x",
                "--tracing-config-file of kube-apiserver is not served by pintle yet",
            ),
            (
                "--kubelet-arg=max-pods=x",
                r#"invalid argument "x" for "--max-pods" flag: strconv.ParseInt: parsing "x": invalid syntax"#,
            ),
        ] {
            match with(argument) {
                Err(Exit::Usage(line)) => assert_eq!(line, message),
                other => panic!("{argument}: {:?}", other.is_ok()),
            }
        }
    }
}
