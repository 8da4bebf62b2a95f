//! URLs.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::quote;

use super::opaque::{Opaque, types::URL};
use super::{Answer, Functions, Run, failed, list_of, no_such_overload};
use crate::types::Type;
use crate::value::{Key, Value};

pub(super) fn declare(functions: &mut Functions) {
    functions.global("url", "string_to_url", &[Type::String], URL, |a| match a {
        [Value::String(text)] => match Url::parse(text) {
            Ok(url) => Ok(Value::Opaque(Opaque::Url(Arc::new(url)))),
            Err(error) => failed(format!("URL parse error during conversion from string: {error}")),
        },
        _ => Err(no_such_overload()),
    });
    functions.global(
        "isURL",
        "is_url_string",
        &[Type::String],
        Type::Bool,
        |a| match a {
            [Value::String(text)] => Ok(Value::Bool(Url::parse(text).is_ok())),
            _ => Err(no_such_overload()),
        },
    );
    let parts: [(&'static str, &'static str, Run); 5] = [
        ("getScheme", "url_get_scheme", |a| {
            of(a, |url| Value::text(url.scheme.clone()))
        }),
        ("getHost", "url_get_host", |a| {
            of(a, |url| Value::text(url.host.clone()))
        }),
        ("getHostname", "url_get_hostname", |a| {
            of(a, |url| Value::text(url.name_and_port().0))
        }),
        ("getPort", "url_get_port", |a| {
            of(a, |url| Value::text(url.name_and_port().1))
        }),
        ("getEscapedPath", "url_get_escaped_path", |a| {
            of(a, |url| Value::text(escaped_path(&url.path)))
        }),
    ];
    for (function, id, run) in parts {
        functions.member(function, id, &[URL], Type::String, run);
    }
    let query = Type::map(Type::String, list_of(Type::String));
    functions.member("getQuery", "url_get_query", &[URL], query, |a| {
        of(a, query_values)
    });
}

fn of<'v>(arguments: &[Value<'v>], run: fn(&Url) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Url(url))] => Ok(run(url)),
        _ => Err(no_such_overload()),
    }
}

/// The parts of a URL as they are written.
#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    /// All of it.
    pub text: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

impl Url {
    /// An absolute URL, or an absolute path.
    ///
    /// # Errors
    /// With Go's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let failed = |reason: String| Err(format!("parse {}: {reason}", quote(text)));
        if text.chars().any(char::is_control) {
            return failed("net/url: invalid control character in URL".to_owned());
        }
        if text.is_empty() {
            return failed("empty url".to_owned());
        }
        let (scheme, rest) = match scheme(text) {
            Ok(split) => split,
            Err(reason) => return failed(reason.to_owned()),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !rest.starts_with('/') && scheme.is_empty() {
            return failed("invalid URI for request".to_owned());
        }
        // What follows a scheme without a slash, as in `mailto:a`, is neither host nor path.
        let rest = if rest.starts_with('/') { rest } else { "" };
        let (host, path) = match rest.strip_prefix("//") {
            Some(after) if !scheme.is_empty() => after.find('/').map_or((after, ""), |at| after.split_at(at)),
            _ => ("", rest),
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        for (part, place) in [(host, true), (path, false)] {
            if let Some(bad) = bad_escape(part) {
                return failed(format!("invalid URL escape {}", quote(bad)));
            }
            let _ = place;
        }
        if let Err(reason) = check_host(host) {
            return failed(reason);
        }
        Ok(Self {
            text: text.to_owned(),
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    /// Host name and port.
    fn name_and_port(&self) -> (String, String) {
        if let Some(inner) = self.host.strip_prefix('[')
            && let Some((name, after)) = inner.split_once(']')
        {
            return (name.to_owned(), after.trim_start_matches(':').to_owned());
        }
        match self.host.rsplit_once(':') {
            Some((name, port)) => (name.to_owned(), port.to_owned()),
            None => (self.host.clone(), String::new()),
        }
    }
}

fn scheme(text: &str) -> Result<(&str, &str), &'static str> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    match end {
        Some(0) if text.starts_with(':') => Err("missing protocol scheme"),
        Some(at) if text.as_bytes()[at] == b':' && text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok((&text[..at], &text[at + 1..]))
        }
        _ => Ok(("", text)),
    }
}

fn bad_escape(part: &str) -> Option<&str> {
    let bytes = part.as_bytes();
    let at = (0..bytes.len()).find(|at| {
        let hexadecimal = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
        bytes[*at] == b'%' && !(hexadecimal(at + 1) && hexadecimal(at + 2))
    })?;
    part.get(at..(at + 3).min(part.len()))
}

fn check_host(host: &str) -> Result<(), String> {
    let after = match host.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((_, after)) => after,
            None => return Err("missing ']' in host".to_owned()),
        },
        None => host.rfind(':').map_or("", |at| &host[at..]),
    };
    let port = after.strip_prefix(':');
    if !after.is_empty() && !port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!("invalid port {} after host", quote(after)));
    }
    match host.chars().find(|c| " \\^`{}|\"<>".contains(*c)) {
        Some(c) => Err(format!(
            "invalid character {} in host name",
            quote(&c.to_string())
        )),
        None => Ok(()),
    }
}

/// The path, with what must be escaped in it escaped.
fn escaped_path(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]%".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn query_values<'v>(url: &Url) -> Value<'v> {
    let mut values: BTreeMap<Key, Vec<Value<'v>>> = BTreeMap::new();
    for pair in url
        .query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.contains(';'))
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(name), Some(value)) = (unescaped(name), unescaped(value)) {
            values
                .entry(Key::String(name.into()))
                .or_default()
                .push(Value::text(value));
        }
    }
    Value::map(
        values
            .into_iter()
            .map(|(name, values)| (name, Value::list(values)))
            .collect(),
    )
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}
