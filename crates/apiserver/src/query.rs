//! The query of a request, read as upstream reads it: what cannot be decoded is left out, a `+` is a space, and `;` is no
//! separator.

use std::borrow::Cow;

/// Names and values in the order they stand. Without a query this holds no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind the question mark.
    pub fn parse(text: Option<&str>) -> Self {
        let pairs = text.unwrap_or_default().split('&');
        Self(pairs.filter_map(parse_pair).collect())
    }

    /// The first value of `name`.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All values of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Whether `name` stands there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// A boolean: absent is false, `false` and `0` are false, everything else is true.
    pub fn flag(&self, name: &str) -> bool {
        self.first(name).is_some_and(is_true)
    }

    /// All names and values.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// A boolean as the API reads it.
pub fn is_true(value: &str) -> bool {
    !(value.eq_ignore_ascii_case("false") || value == "0")
}

fn parse_pair(pair: &str) -> Option<(String, String)> {
    if pair.is_empty() || pair.contains(';') {
        return None;
    }
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    Some((unescape(name)?.into_owned(), unescape(value)?.into_owned()))
}

/// Percent decoding with `+` as a space; none if an escape is broken.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        percent_decode(&text.replace('+', " ")).map(|decoded| Cow::Owned(decoded.into_owned()))
    } else {
        percent_decode(text)
    }
}

/// Percent decoding; none if an escape is broken. What is not UTF-8 then becomes replacement characters.
pub fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (hex_digit(bytes.next()?)?, hex_digit(bytes.next()?)?);
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    Some(Cow::Owned(match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let query = Query::parse(Some(text));
        let pairs: Vec<(&str, &str)> = query.pairs().iter().map(|(n, v)| (&n[..], &v[..])).collect();
        assert_eq!(pairs, expected, "{text}");
    }

    #[test]
    fn queries_are_read_leniently() {
        check("", &[]);
        check("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]);
        check("watch", &[("watch", "")]);
        check("a=b+c%20d", &[("a", "b c d")]);
        check("a=%zz&b=%4", &[]);
        check("a=1;b=2&c=3", &[("c", "3")]);
        check("l=app%3Dweb%2Ctier", &[("l", "app=web,tier")]);
    }

    #[test]
    fn flags_are_true_unless_they_say_no() {
        for (text, expected) in [
            ("", false),
            ("w", true),
            ("w=", true),
            ("w=true", true),
            ("w=False", false),
            ("w=0", false),
            ("w=x", true),
        ] {
            assert_eq!(Query::parse(Some(text)).flag("w"), expected, "{text}");
        }
    }

    #[test]
    fn broken_text_stays_text() {
        assert_eq!(percent_decode("a%FFb").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(percent_decode("%e2%82%ac").as_deref(), Some("€"));
        assert_eq!(percent_decode("%e"), None);
    }
}
