//! `pintle kube-apiserver ...`, or the same through a link of that name.

use std::ffi::OsString;
use std::path::Path;

use clap::Subcommand;

use super::{Exit, Invocation, What};
use crate::component::Run;
use crate::flags::{self, Component};

/// The commands as help shows them. Their flags are upstream's, which [`parse`] reads.
#[derive(Debug, Subcommand)]
pub(super) enum ComponentCommand {
    /// Run the API server alone, with upstream's flags.
    KubeApiserver,
    /// Run the controllers alone, with upstream's flags.
    KubeControllerManager,
    /// Run the scheduler alone, with upstream's flags.
    KubeScheduler,
    /// Run the node agent alone, with upstream's flags.
    Kubelet,
    /// Run the service proxy alone, with upstream's flags.
    KubeProxy,
}

impl ComponentCommand {
    /// With global options before it, a component's command is read by the general parser, which knows no flags of it.
    pub(super) fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        Err("a component's name comes first: its flags are upstream's, with --v for the log".into())
    }
}

/// The component that is asked for, by the program's name or by its first argument, and the flags.
pub(super) fn component(arguments: &[OsString]) -> Option<(Component, &[OsString])> {
    let program = Path::new(arguments.first()?).file_name()?.to_str()?;
    if let Some(component) = Component::named(program) {
        return Some((component, &arguments[1..]));
    }
    let command = arguments.get(1)?.to_str()?;
    Component::named(command).map(|component| (component, &arguments[2..]))
}

/// Reads a component's flags.
pub(super) fn parse(component: Component, arguments: &[OsString]) -> Result<Invocation, Exit> {
    let texts = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned());
    let usage = |error: flags::FlagError| Exit::Usage(error.to_string());
    let given = flags::parse(component, texts).map_err(usage)?;
    if given.help {
        return Err(Exit::Text(flags::help::text(component)));
    }
    if given.version {
        return Err(Exit::Text(format!(
            "Kubernetes {}\n",
            crate::version::git_version()
        )));
    }
    let (run, warnings) = Run::from_flags(component, &given).map_err(usage)?;
    Ok(Invocation {
        verbosity: verbosity(run.verbosity()),
        what: What::Component(run),
        warnings,
    })
}

/// Upstream counts to 10; from 4 on it tells what happens, from 6 on everything.
fn verbosity(level: u8) -> u8 {
    match level {
        0..=3 => 0,
        4..=5 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn components_are_known_by_the_programs_name_or_the_first_word() {
        for (line, wanted) in [
            ("/usr/bin/kube-apiserver --v=2", Some((Component::ApiServer, 1))),
            ("pintle kube-scheduler --v=2 -h", Some((Component::Scheduler, 2))),
            ("kubelet", Some((Component::Kubelet, 0))),
            ("pintle server kubelet", None),
            ("pintle", None),
        ] {
            let arguments = words(line);
            let found = component(&arguments).map(|(component, flags)| (component, flags.len()));
            assert_eq!(found, wanted, "{line}");
        }
    }

    #[test]
    fn the_log_says_more_with_upstreams_levels() {
        for (line, wanted) in [("--v=2", 0), ("--v=4", 1), ("-v 8", 2)] {
            let invocation = parse(Component::Scheduler, &words(&format!("--kubeconfig=x {line}")));
            assert_eq!(
                invocation.ok().map(|found| found.verbosity),
                Some(wanted),
                "{line}"
            );
        }
    }

    #[test]
    fn help_and_version_are_texts() {
        for (line, says) in [
            ("--help", "--kubeconfig string"),
            ("--version", "Kubernetes v1.36"),
        ] {
            match parse(Component::Scheduler, &words(line)) {
                Err(Exit::Text(text)) => assert!(text.contains(says), "{text}"),
                _ => panic!("{line} should be a text"),
            }
        }
    }
}
