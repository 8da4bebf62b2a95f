//! `--config FILE`: a YAML file with the names of the command line's options.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use serde_json::Value;

use super::environment;

/// Puts the options of the file that `--config` (or `PINTLE_CONFIG`) names behind the command's name, as if they had been
/// typed there. What is really typed, or in the environment, counts instead; a name with `+` (`tls-san+: [a]`) adds to it.
/// An unknown name is an unknown option.
pub(super) fn expand(arguments: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, String> {
    let Some(place) = arguments.iter().skip(1).position(|argument| !is_option(argument)) else {
        return Ok(arguments);
    };
    let (before, typed) = arguments.split_at(place + 2);
    let Some(command) = before.last().and_then(|name| command.find_subcommand(name)) else {
        return Ok(arguments);
    };
    if !command
        .get_arguments()
        .any(|argument| argument.get_long() == Some("config"))
    {
        return Ok(arguments);
    }
    let Some(path) = named_file(typed).or_else(|| std::env::var_os("PINTLE_CONFIG")) else {
        return Ok(arguments);
    };
    let settings = read(Path::new(&path))?;
    let counts = |name: &str| !is_typed(typed, name) && !environment::is_set(command, name);
    let mut expanded = before.to_vec();
    expanded.extend(options(settings, counts).into_iter().map(OsString::from));
    expanded.extend_from_slice(typed);
    Ok(expanded)
}

/// What stands behind the command's name.
pub(super) fn behind_command(arguments: &[OsString]) -> Vec<String> {
    let words = arguments
        .iter()
        .skip(1)
        .skip_while(|argument| is_option(argument));
    words
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

fn is_option(argument: &OsString) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

fn named_file(arguments: &[OsString]) -> Option<OsString> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == OsStr::new("--config") {
            return rest.next().cloned();
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

fn is_typed(arguments: &[OsString], name: &str) -> bool {
    arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|argument| {
            let option = argument.strip_prefix("--").unwrap_or_default();
            option.split('=').next() == Some(name)
        })
}

/// Values by option; each `None` is an option that is given without a value.
type Settings = BTreeMap<String, Vec<Option<String>>>;

fn read(path: &Path) -> Result<Settings, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "the configuration file {} cannot be read: {error}",
            path.display()
        )
    })?;
    settings(&text).map_err(|reason| format!("the configuration file {} is wrong: {reason}", path.display()))
}

fn settings(text: &str) -> Result<Settings, String> {
    if text.trim().is_empty() {
        return Ok(Settings::new());
    }
    let file: Value = serde_saphyr::from_str(text)
        .map_err(|error| error.to_string().lines().next().unwrap_or("not YAML").to_owned())?;
    let file = match file {
        Value::Object(file) => file,
        // A file of comments.
        Value::Null => return Ok(Settings::new()),
        _ => return Err(String::from("it must be a map of option names to values")),
    };
    file.into_iter()
        .map(|(name, value)| Ok((name.clone(), values(&name, value)?)))
        .collect()
}

fn values(name: &str, value: Value) -> Result<Vec<Option<String>>, String> {
    Ok(match value {
        Value::Bool(true) => vec![None],
        Value::Bool(false) | Value::Null => Vec::new(),
        Value::String(text) => vec![Some(text)],
        Value::Number(number) => vec![Some(number.to_string())],
        Value::Array(items) => {
            let items = items.into_iter().map(|item| match item {
                Value::Array(_) => Err(format!("the values of {name} must not be lists")),
                item => values(name, item),
            });
            items
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
                .collect()
        }
        Value::Object(_) => return Err(format!("the value of {name} must not be a map")),
    })
}

/// The options to put in, given which of them are not said in a stronger way.
fn options(settings: Settings, counts: impl Fn(&str) -> bool) -> Vec<String> {
    let mut options = Vec::new();
    for (name, values) in settings {
        let added = name.strip_suffix('+');
        let option = added.unwrap_or(&name);
        if added.is_none() && !counts(option) {
            continue;
        }
        options.extend(values.into_iter().map(|value| match value {
            Some(value) => format!("--{option}={value}"),
            None => format!("--{option}"),
        }));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "https-listen-port: 1\ndisable-agent: true\ndisable-scheduler: false\n\
        tls-san: [a, b]\nnode-name: one\nkubelet-arg:\n- max-pods=7\n- v=2\n";

    #[test]
    fn settings_become_options() {
        let found = options(settings(FILE).unwrap(), |_| true);
        let wanted = [
            "--disable-agent",
            "--https-listen-port=1",
            "--kubelet-arg=max-pods=7",
            "--kubelet-arg=v=2",
            "--node-name=one",
            "--tls-san=a",
            "--tls-san=b",
        ];
        assert_eq!(found, wanted);
        assert!(options(settings("# nothing\n").unwrap(), |_| true).is_empty());
    }

    #[test]
    fn what_is_said_in_a_stronger_way_is_left_out_unless_it_is_added() {
        let found = options(
            settings("tls-san: a\nnode-label+: [b]\nnode-name: c\n").unwrap(),
            |name| !["tls-san", "node-label"].contains(&name),
        );
        assert_eq!(found, ["--node-label=b", "--node-name=c"]);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for text in ["- a", "a: [", "a: {b: c}", "a: [[b]]"] {
            assert!(settings(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_files_options_stand_behind_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yaml");
        std::fs::write(&file, FILE).unwrap();
        let expand = |line: &str| {
            let line = line.replace("FILE", file.to_str().unwrap());
            let arguments = line.split(' ').map(OsString::from).collect();
            let expanded = expand(arguments, &super::super::command()).unwrap();
            let texts: Vec<_> = expanded
                .iter()
                .map(|text| text.to_str().unwrap().to_owned())
                .collect();
            texts.join(" ").replace(file.to_str().unwrap(), "FILE")
        };
        assert_eq!(
            expand("pintle -v server --config FILE --tls-san c --https-listen-port=2"),
            "pintle -v server --disable-agent --kubelet-arg=max-pods=7 --kubelet-arg=v=2 --node-name=one \
             --config FILE --tls-san c --https-listen-port=2"
        );
        assert_eq!(
            expand("pintle version --config FILE"),
            "pintle version --config FILE"
        );
        assert_eq!(expand("pintle"), "pintle");
    }
}
