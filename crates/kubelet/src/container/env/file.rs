//! Variables from a file in a volume: lines of `NAME='value'`.

use std::io;

use k8s_openapi::api::core::v1::FileKeySelector;

use crate::volumes::MountedVolumes;

use super::super::error::ConfigError;
use super::super::subpath;

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The value of a key in a file; none if it is optional and not there.
pub fn value(selector: &FileKeySelector, volumes: &MountedVolumes) -> Result<Option<String>, ConfigError> {
    let (volume, path) = (&selector.volume_name, &selector.path);
    let folder = volumes
        .path(volume)
        .ok_or_else(|| ConfigError::config(format!("cannot find volume {volume:?} of a fileKeyRef")))?;
    let optional = selector.optional == Some(true);
    let wrong = |problem: String| {
        ConfigError::config(format!(
            "couldn't parse env file {path:?} in volume {volume:?}: {problem}"
        ))
    };
    let text = match subpath::read_within(folder, path, MAX_FILE_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && optional => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let lines = parse(&text).map_err(wrong)?;
    let found = lines.iter().find(|(name, _)| *name == selector.key);
    match found {
        Some((_, value)) => Ok(Some((*value).to_owned())),
        None if optional => Ok(None),
        None => Err(ConfigError::config(format!(
            "environment variable key {:?} not found in file {path:?}",
            selector.key
        ))),
    }
}

/// The lines that are neither empty nor comments.
fn parse(text: &str) -> Result<Vec<(&str, &str)>, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(parse_line)
        .collect()
}

fn parse_line(line: &str) -> Result<(&str, &str), String> {
    let (name, value) = line
        .split_once('=')
        .ok_or_else(|| format!("line {line:?} has no '='"))?;
    let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match inner {
        Some(value) if !value.contains('\'') => Ok((name.trim(), value)),
        _ => Err(format!("the value of {:?} is not in single quotes", name.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let found = parse("# note\nA='1'\n\n B='x y'\n").unwrap();
        assert_eq!(found, [("A", "1"), ("B", "x y")]);
        for wrong in ["C=1", "D", "E='a'b'"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
