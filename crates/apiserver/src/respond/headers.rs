//! Headers that several answers share.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The `Warning` header.
pub const WARNING: HeaderName = http::header::WARNING;

/// Bytes of all warnings of an answer at most; beyond that they are cut short, as upstream does.
const MAX_WARNING_BYTES: usize = 4 << 10;

/// Bytes of one warning, once they are cut short.
const SHORT_WARNING_BYTES: usize = 256;

/// Adds a `Warning: 299 - "text"` for each text.
pub fn add_warnings(headers: &mut HeaderMap, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    let total: usize = texts.iter().map(String::len).sum();
    let limit = if total > MAX_WARNING_BYTES {
        SHORT_WARNING_BYTES
    } else {
        usize::MAX
    };
    let mut left = MAX_WARNING_BYTES;
    for text in texts {
        let text = cut(text, limit);
        let Some(value) = warning_value(text) else {
            continue;
        };
        if text.len() > left {
            return;
        }
        left -= text.len();
        headers.append(WARNING, value);
    }
}

/// The longest start of `text` of at most `limit` bytes.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit.min(text.len()))]
}

/// The header's value; none for a text that cannot stand in a header.
fn warning_value(text: &str) -> Option<HeaderValue> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        let texts: Vec<String> = texts.iter().map(|&t| t.to_owned()).collect();
        add_warnings(&mut headers, &texts);
        let found: Vec<&str> = headers
            .get_all(WARNING)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn warnings_are_quoted() {
        check(&[], &[]);
        check(
            &["unknown field \"a\\b\""],
            &[r#"299 - "unknown field \"a\\b\"""#],
        );
        check(&["two\nlines", "one"], &[r#"299 - "one""#]);
    }

    #[test]
    fn many_warnings_are_cut_short() {
        let long = "x".repeat(5000);
        let expected = format!("299 - \"{}\"", "x".repeat(256));
        check(&[&long], &[&expected]);
        let many: Vec<&str> = vec![&long; 40];
        let mut headers = HeaderMap::new();
        add_warnings(
            &mut headers,
            &many.iter().map(|&t| t.to_owned()).collect::<Vec<_>>(),
        );
        assert_eq!(headers.get_all(WARNING).iter().count(), 16);
    }
}
