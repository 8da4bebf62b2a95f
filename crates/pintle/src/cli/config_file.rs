//! `--config FILE`: a YAML file with the names of the command line's options.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use serde_json::Value;

/// Puts the options of the file that `--config` (or `PINTLE_CONFIG`) names behind the command's name, as if they had been
/// typed there: what is really typed comes later and wins. An unknown name is an unknown option.
pub(super) fn expand(arguments: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let Some(path) = named_file(&arguments) else {
        return Ok(arguments);
    };
    let options = read(Path::new(&path))?;
    let mut expanded: Vec<OsString> = arguments.iter().take(2).cloned().collect();
    expanded.extend(options.into_iter().map(OsString::from));
    expanded.extend(arguments.into_iter().skip(2));
    Ok(expanded)
}

fn named_file(arguments: &[OsString]) -> Option<OsString> {
    let mut rest = arguments.iter().skip(2);
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

fn read(path: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "the configuration file {} cannot be read: {error}",
            path.display()
        )
    })?;
    options(&text).map_err(|reason| format!("the configuration file {} is wrong: {reason}", path.display()))
}

fn options(text: &str) -> Result<Vec<String>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let settings: Value = serde_saphyr::from_str(text)
        .map_err(|error| error.to_string().lines().next().unwrap_or("not YAML").to_owned())?;
    let Value::Object(settings) = settings else {
        return Err(String::from("it must be a map of option names to values"));
    };
    let mut options = Vec::new();
    for (name, value) in settings {
        append(&name, &value, &mut options)?;
    }
    Ok(options)
}

fn append(name: &str, value: &Value, options: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::Bool(true) => options.push(format!("--{name}")),
        Value::Bool(false) | Value::Null => {}
        Value::String(text) => options.push(format!("--{name}={text}")),
        Value::Number(number) => options.push(format!("--{name}={number}")),
        Value::Array(values) => values.iter().try_for_each(|value| append(name, value, options))?,
        Value::Object(_) => return Err(format!("the value of {name} must not be a map")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_options() {
        let text = "https-listen-port: 1\ndisable-agent: true\ntls-san: [a, b]\nnode-name: one\n";
        let mut found = options(text).unwrap();
        found.sort();
        assert_eq!(
            found,
            [
                "--disable-agent",
                "--https-listen-port=1",
                "--node-name=one",
                "--tls-san=a",
                "--tls-san=b"
            ]
        );
    }

    #[test]
    fn what_is_no_map_is_refused() {
        assert!(options("- a").is_err());
        assert!(options("a: [").is_err());
        assert!(options("a: {b: c}").is_err());
    }
}
