//! Reads a component's command line as upstream's programs read theirs.

use std::collections::BTreeMap;

use super::value::check;
use super::{Component, Flag, FlagError, Kind, Value};

/// The flags that were given. Every value can be read as its flag's kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    values: BTreeMap<&'static str, (&'static Flag, Vec<String>)>,
    /// `--help` or `-h`.
    pub help: bool,
    /// `--version`.
    pub version: bool,
}

impl Given {
    /// All flags that were given, by name.
    pub fn iter(&self) -> impl Iterator<Item = Value<'_>> {
        self.values.values().map(|(flag, texts)| Value { flag, texts })
    }

    fn add(&mut self, flag: &'static Flag, text: String) -> Result<(), FlagError> {
        check(flag.kind, &text).map_err(|reason| FlagError::Invalid {
            flag: flag.name,
            value: text.clone(),
            reason,
        })?;
        let (_, texts) = self.values.entry(flag.name).or_insert((flag, Vec::new()));
        if !matches!(flag.kind, Kind::List | Kind::Repeated | Kind::Map) {
            // The last one counts.
            texts.clear();
        }
        texts.push(text);
        Ok(())
    }
}

/// Reads the arguments of a component, its own name left out.
pub fn parse(component: Component, arguments: impl IntoIterator<Item = String>) -> Result<Given, FlagError> {
    let mut given = Given::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            read_long(component, long, &mut arguments, &mut given)?;
        } else if let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            read_short(component, letters, &mut arguments, &mut given)?;
        } else {
            return Err(stray(component, argument));
        }
    }
    match arguments.next() {
        Some(word) => Err(stray(component, word)),
        None => Ok(given),
    }
}

fn stray(component: Component, word: String) -> FlagError {
    FlagError::Word {
        word,
        component: component.name(),
    }
}

fn read_long(
    component: Component,
    long: &str,
    rest: &mut impl Iterator<Item = String>,
    given: &mut Given,
) -> Result<(), FlagError> {
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (long, None),
    };
    match (name, component.flag(name)) {
        ("help", _) => given.help = true,
        ("version", _) => given.version = true,
        (_, None) => return Err(FlagError::Unknown(name.to_owned())),
        (_, Some(flag)) => {
            let value = match (value, flag.kind) {
                (Some(value), _) => value,
                (None, Kind::Bool) => String::from("true"),
                (None, _) => rest.next().ok_or_else(|| FlagError::NoValue(name.to_owned()))?,
            };
            given.add(flag, value)?;
        }
    }
    Ok(())
}

/// The only letters are `-h` and `-v LEVEL`.
fn read_short(
    component: Component,
    letters: &str,
    rest: &mut impl Iterator<Item = String>,
    given: &mut Given,
) -> Result<(), FlagError> {
    if letters == "h" {
        given.help = true;
        return Ok(());
    }
    let level = letters.strip_prefix('v').zip(component.flag("v"));
    let Some((value, flag)) = level else {
        return Err(FlagError::UnknownLetter {
            letter: letters.chars().next().unwrap_or('-'),
            word: letters.to_owned(),
        });
    };
    let value = value.strip_prefix('=').unwrap_or(value);
    let value = if value.is_empty() {
        rest.next().ok_or_else(|| FlagError::NoValue(String::from("v")))?
    } else {
        value.to_owned()
    };
    given.add(flag, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Given, FlagError> {
        parse(Component::ApiServer, words.split(' ').map(str::to_owned))
    }

    #[test]
    fn values_are_read_in_every_form() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("--secure-port=1", "secure-port", &["1"]),
            ("--secure-port 1", "secure-port", &["1"]),
            ("--secure_port 1 --secure-port=2", "secure-port", &["2"]),
            ("--profiling", "profiling", &["true"]),
            ("--profiling=F", "profiling", &["F"]),
            (
                "--api-audiences=a,b --api-audiences=c",
                "api-audiences",
                &["a,b", "c"],
            ),
            ("-v 2", "v", &["2"]),
            ("-v2", "v", &["2"]),
            ("--etcd-prefix=", "etcd-prefix", &[""]),
        ];
        for (words, name, texts) in cases {
            let given = read(words).expect(words);
            let values: Vec<_> = given.iter().map(|value| (value.flag.name, value.texts)).collect();
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(values, [(name, texts.as_slice())], "{words}");
        }
        assert!(read("-h").expect("read").help && read("--help").expect("read").help);
        assert!(read("--version").expect("read").version);
    }

    #[test]
    fn refusals_are_in_upstreams_words() {
        let cases = [
            ("--nonsense", "unknown flag: --nonsense"),
            ("--nonsense=1", "unknown flag: --nonsense"),
            ("-x", "unknown shorthand flag: 'x' in -x"),
            ("--secure-port", "flag needs an argument: --secure-port"),
            (
                "word",
                r#""kube-apiserver" does not take any arguments, got ["word"]"#,
            ),
            (
                "--profiling word",
                r#""kube-apiserver" does not take any arguments, got ["word"]"#,
            ),
            (
                "-- word",
                r#""kube-apiserver" does not take any arguments, got ["word"]"#,
            ),
            (
                "--secure-port=x",
                r#"invalid argument "x" for "--secure-port" flag: strconv.ParseInt: parsing "x": invalid syntax"#,
            ),
        ];
        for (words, message) in cases {
            assert_eq!(read(words).expect_err(words).to_string(), message);
        }
    }
}
