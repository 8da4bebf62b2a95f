//! `pintle completion SHELL`.

use clap::{Arg, ArgAction, Command};
use clap_complete::{Shell, generate};

use crate::flags::{Component, Kind};

/// Prints what a shell needs to complete pintle's command line.
pub fn print(shell: Shell, command: Command) {
    let mut command = with_components(command);
    generate(shell, &mut command, "pintle", &mut std::io::stdout());
}

/// The components' flags are read apart from the others; here they stand among them.
fn with_components(command: Command) -> Command {
    Component::ALL.into_iter().fold(command, |command, component| {
        command.mut_subcommand(component.name(), |subcommand| {
            let flags = component.flags().map(|flag| {
                let action = match flag.kind {
                    Kind::Bool => ArgAction::SetTrue,
                    _ => ArgAction::Set,
                };
                Arg::new(flag.name).long(flag.name).action(action)
            });
            subcommand.args(flags)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_flags_are_completed_too() {
        let command = Component::ALL
            .into_iter()
            .fold(Command::new("pintle"), |command, component| {
                command.subcommand(Command::new(component.name()))
            });
        let mut text = Vec::new();
        generate(Shell::Bash, &mut with_components(command), "pintle", &mut text);
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("--max-requests-inflight") && text.contains("--pod-manifest-path"));
    }
}
