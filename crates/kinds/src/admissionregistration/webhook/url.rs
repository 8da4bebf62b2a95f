//! Addresses of webhooks: URLs, read as Go reads them, since what is wrong is told in its words.

use meta::quote;

use crate::toolkit::Field;

const FORM: &str = "; desired format: https://host[/path]";

/// The rules for the URL of a webhook.
pub(crate) fn rules(url: &Field) {
    let parts = match Parts::read(url.text()) {
        Ok(parts) => parts,
        Err(why) => return url.required(&format!("url must be a valid URL: {why}{FORM}")),
    };
    if parts.scheme != "https" {
        url.invalid_as(
            parts.scheme.as_str(),
            &format!("'https' is the only allowed URL scheme{FORM}"),
        );
    }
    if parts.host.is_empty() {
        url.invalid_as(parts.host, &format!("host must be specified{FORM}"));
    }
    if let Some(user) = parts.user {
        url.invalid_as(user, "user information is not permitted in the URL");
    }
    if !parts.fragment.is_empty() {
        url.invalid_as(parts.fragment, "fragments are not permitted in the URL");
    }
    if !parts.query.is_empty() {
        url.invalid_as(parts.query, "query parameters are not permitted in the URL");
    }
}

/// A URL in parts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts<'t> {
    scheme: String,
    user: Option<&'t str>,
    host: &'t str,
    query: &'t str,
    fragment: &'t str,
}

impl<'t> Parts<'t> {
    fn read(text: &'t str) -> Result<Self, String> {
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let told = |what: &str, why: String| format!("parse {}: {why}", quote(what));
        let mut parts = Self::without_fragment(before).map_err(|why| told(before, why))?;
        escapes(fragment).map_err(|why| told(text, why))?;
        parts.fragment = fragment;
        Ok(parts)
    }

    fn without_fragment(text: &'t str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = Self {
            scheme: scheme.to_ascii_lowercase(),
            query,
            ..Self::default()
        };
        if !rest.starts_with('/') {
            if !scheme.is_empty() {
                return Ok(parts);
            }
            if rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let mut path = rest;
        if let Some(after) = rest.strip_prefix("//")
            && (!scheme.is_empty() || !after.starts_with('/'))
        {
            let authority = after.split('/').next().unwrap_or("");
            path = &after[authority.len()..];
            (parts.user, parts.host) = self::authority(authority)?;
        }
        escapes(path)?;
        Ok(parts)
    }
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || "+-.".contains(letter)));
    match end {
        Some(0) if text.starts_with(':') => Err("missing protocol scheme".to_owned()),
        Some(end)
            if text[end..].starts_with(':')
                && text.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            Ok((&text[..end], &text[end + 1..]))
        }
        _ => Ok(("", text)),
    }
}

fn authority(text: &str) -> Result<(Option<&str>, &str), String> {
    let (user, host) = match text.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, text),
    };
    self::host(host)?;
    if let Some(user) = user {
        let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(letter);
        if !user.chars().all(is_fit) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        escapes(user)?;
    }
    Ok((user, host))
}

fn host(host: &str) -> Result<(), String> {
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        &host[end + 1..]
    } else {
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let is_port = port
        .strip_prefix(':')
        .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    if !port.is_empty() && !is_port {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    // In a host's name only what is not ASCII may be escaped.
    escapes(host)?;
    if let Some(at) =
        (host.find('%')).filter(|at| host.as_bytes().get(at + 1).is_some_and(|digit| *digit < b'8'))
    {
        return Err(invalid_escape(host, at));
    }
    let fits = |letter: char| {
        !letter.is_ascii() || letter.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(letter)
    };
    match host.chars().find(|letter| !fits(*letter)) {
        Some(letter) => Err(format!(
            "invalid character {} in host name",
            quote(&letter.to_string())
        )),
        None => Ok(()),
    }
}

/// Whether every percent sign begins an escape.
fn escapes(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    match (0..bytes.len()).find(|&at| bytes[at] == b'%' && !(is_digit(at + 1) && is_digit(at + 2))) {
        Some(at) => Err(invalid_escape(text, at)),
        None => Ok(()),
    }
}

fn invalid_escape(text: &str, at: usize) -> String {
    let bytes = text.as_bytes();
    let escape = String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 3)]);
    format!("invalid URL escape {}", quote(&escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_told_in_words_of_go() {
        for (text, problem) in [
            ("::", r#"parse "::": missing protocol scheme"#),
            (
                "https://a b/",
                r#"parse "https://a b/": invalid character " " in host name"#,
            ),
            ("%zz", r#"parse "%zz": invalid URL escape "%zz""#),
            (
                "https://h/%z#x",
                r#"parse "https://h/%z": invalid URL escape "%z""#,
            ),
            (
                "https://h:port/",
                r#"parse "https://h:port/": invalid port ":port" after host"#,
            ),
            ("https://[::1", r#"parse "https://[::1": missing ']' in host"#),
            (
                "ht!tp://x",
                r#"parse "ht!tp://x": first path segment in URL cannot contain colon"#,
            ),
        ] {
            assert_eq!(Parts::read(text).expect_err("no URL"), problem);
        }
    }

    #[test]
    fn urls_have_parts() {
        let found = Parts::read("HTTPS://u:p@h:1/x?q=1#f").expect("a URL");
        let expected = Parts {
            scheme: "https".to_owned(),
            user: Some("u:p"),
            host: "h:1",
            query: "q=1",
            fragment: "f",
        };
        assert_eq!(found, expected);
        assert_eq!(Parts::read("a/b").expect("a URL"), Parts::default());
    }
}
