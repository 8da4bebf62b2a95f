//! A variable of the environment for every option: `--data-dir` is `PINTLE_DATA_DIR`.

use clap::Command;

/// What the variables begin with.
const PREFIX: &str = "PINTLE_";

/// Names the variables of all options of the subcommands that have none of their own.
pub(super) fn bind(command: Command) -> Command {
    command.mut_subcommands(|command| {
        command.mut_args(|argument| {
            let unnamed = argument.get_env().is_none() && !argument.is_global_set();
            match argument.get_long().map(variable) {
                Some(variable) if unnamed => argument.env(variable).hide_env(true),
                _ => argument,
            }
        })
    })
}

/// The variable of an option.
fn variable(option: &str) -> String {
    format!("{PREFIX}{}", option.to_uppercase().replace('-', "_"))
}

/// Whether an option has its value from the environment.
pub(super) fn is_set(command: &Command, option: &str) -> bool {
    let argument = command
        .get_arguments()
        .find(|argument| argument.get_long() == Some(option));
    let named = argument.and_then(|argument| argument.get_env());
    named.is_some_and(|variable| std::env::var_os(variable).is_some())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn options_are_named_after_themselves_or_as_they_say() {
        let command = Command::new("p").subcommand(
            Command::new("s")
                .arg(Arg::new("a").long("data-dir"))
                .arg(Arg::new("b").long("out").env("PINTLE_OTHER"))
                .arg(Arg::new("c")),
        );
        let bound = bind(command);
        let subcommand = bound.find_subcommand("s").expect("there");
        let named: Vec<_> = subcommand
            .get_arguments()
            .map(|argument| argument.get_env().and_then(|name| name.to_str()))
            .collect();
        assert_eq!(named, [Some("PINTLE_DATA_DIR"), Some("PINTLE_OTHER"), None]);
    }
}
