//! Values of flags, read as Go's libraries read them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::{Flag, Kind};

/// What separates the halves of a pair: thresholds are written with a sign of their own, `memory.available<100Mi`.
const PAIR: [char; 2] = ['=', '<'];

/// A flag with what was given for it: one text, or for lists and maps as many as it was given times.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// The flag.
    pub flag: &'static Flag,
    /// What was given; never empty.
    pub texts: &'a [String],
}

impl<'a> Value<'a> {
    /// The text; of a list, the last.
    pub fn text(&self) -> &'a str {
        self.texts.last().map_or("", String::as_str)
    }

    /// Whether it is the default, which changes nothing.
    pub fn is_default(&self) -> bool {
        let default = self.flag.default;
        match self.flag.kind {
            Kind::Bool => self.bool() == (default == "true"),
            Kind::Duration => self.duration() == duration(default).unwrap_or_default(),
            Kind::Integer | Kind::Float => self.text() == if default.is_empty() { "0" } else { default },
            Kind::List => self.list() == items(default),
            Kind::Ip | Kind::Repeated | Kind::Map | Kind::Text => self.texts == [default],
        }
    }

    /// Of [`Kind::Bool`].
    pub fn bool(&self) -> bool {
        boolean(self.text()).unwrap_or_default()
    }

    /// Of [`Kind::Duration`].
    pub fn duration(&self) -> Duration {
        duration(self.text()).unwrap_or_default()
    }

    /// Of [`Kind::List`]: all items; of other kinds: each text.
    pub fn list(&self) -> Vec<String> {
        match self.flag.kind {
            Kind::List => self.texts.iter().flat_map(|text| items(text)).collect(),
            _ => self.texts.to_vec(),
        }
    }

    /// Of [`Kind::Map`].
    pub fn map(&self) -> BTreeMap<String, String> {
        let pairs = self.texts.iter().flat_map(|text| items(text));
        pairs
            .filter_map(|pair| pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
            .collect()
    }

    /// Anything that has a textual form.
    pub fn parse<T: FromStr>(&self) -> Result<T, String>
    where
        T::Err: std::fmt::Display,
    {
        self.text().parse().map_err(|error: T::Err| error.to_string())
    }
}

fn items(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Says what is wrong with a text as a value of that kind, as Go's libraries say it.
pub(super) fn check(kind: Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Bool => match boolean(text) {
            Some(_) => Ok(()),
            None => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
        },
        Kind::Integer => integer(text),
        Kind::Float => match text.parse::<f64>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        },
        Kind::Duration => match duration(text) {
            Some(_) => Ok(()),
            None => Err(format!("time: invalid duration {text:?}")),
        },
        Kind::Ip if text.is_empty() || text.parse::<IpAddr>().is_ok() => Ok(()),
        Kind::Ip => Err(format!("failed to parse IP: {text:?}")),
        Kind::Map => match items(text).into_iter().find(|item| !item.contains(PAIR)) {
            Some(item) => Err(format!("malformed pair, expect string=string: {item}")),
            None => Ok(()),
        },
        Kind::List | Kind::Repeated | Kind::Text => Ok(()),
    }
}

fn integer(text: &str) -> Result<(), String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse::<i64>() {
        Ok(_) => Ok(()),
        Err(error) => {
            let is_long = matches!(error.kind(), PosOverflow | NegOverflow);
            let what = if is_long {
                "value out of range"
            } else {
                "invalid syntax"
            };
            Err(format!("strconv.ParseInt: parsing {text:?}: {what}"))
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Reads Go's durations (`1h30m`, `1.5s`, `200ms`); none is below zero here.
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number_ends = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..number_ends].parse().ok()?;
        rest = &rest[number_ends..];
        let unit_ends = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit_ends] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[unit_ends..];
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let cases = [
            ("0", Some(0)),
            ("1s", Some(1000)),
            ("1m0s", Some(60_000)),
            ("1h1m1.5s", Some(3_661_500)),
            ("200ms", Some(200)),
            ("", None),
            ("1", None),
            ("s", None),
            ("1 s", None),
            ("1d", None),
            ("-1s", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                duration(text),
                milliseconds.map(Duration::from_millis),
                "{text:?}"
            );
        }
    }

    #[test]
    fn wrong_values_are_named_as_go_names_them() {
        let cases = [
            (
                Kind::Bool,
                "yes",
                r#"strconv.ParseBool: parsing "yes": invalid syntax"#,
            ),
            (
                Kind::Integer,
                "1.5",
                r#"strconv.ParseInt: parsing "1.5": invalid syntax"#,
            ),
            (
                Kind::Integer,
                "99999999999999999999",
                r#"strconv.ParseInt: parsing "99999999999999999999": value out of range"#,
            ),
            (
                Kind::Float,
                "x",
                r#"strconv.ParseFloat: parsing "x": invalid syntax"#,
            ),
            (Kind::Duration, "5", r#"time: invalid duration "5""#),
            (Kind::Ip, "a", r#"failed to parse IP: "a""#),
            (Kind::Map, "a=b,c", "malformed pair, expect string=string: c"),
        ];
        for (kind, text, message) in cases {
            assert_eq!(check(kind, text), Err(message.to_owned()));
        }
    }

    #[test]
    fn defaults_are_known_in_every_spelling() {
        let cases: [(Kind, &str, &[&str], bool); 10] = [
            (Kind::Bool, "", &["0"], true),
            (Kind::Bool, "true", &["T"], true),
            (Kind::Bool, "true", &["false"], false),
            (Kind::Duration, "1m0s", &["60s"], true),
            (Kind::Duration, "", &["0s"], true),
            (Kind::Integer, "", &["0"], true),
            (Kind::Integer, "5", &["6"], false),
            (Kind::List, "a,b", &["a", "b"], true),
            (Kind::Text, "", &[""], true),
            (Kind::Text, "x", &["y"], false),
        ];
        for (kind, default, texts, is_default) in cases {
            let flag: &'static Flag = Box::leak(Box::new(super::super::flag("f", kind, default)));
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(
                Value { flag, texts: &texts }.is_default(),
                is_default,
                "{texts:?}"
            );
        }
    }
}
