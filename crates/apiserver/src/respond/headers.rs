//! Headers that several answers share.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The `Warning` header.
pub const WARNING: HeaderName = http::header::WARNING;

/// Characters of all warnings of an answer; with the one that is beyond that, all are cut short, as upstream does.
const MAX_WARNING_CHARACTERS: usize = 4 << 10;

/// Characters of one warning, once they are cut short.
const SHORT_WARNING_CHARACTERS: usize = 256;

/// Adds a `Warning: 299 - "text"` for each text.
pub fn add_warnings(headers: &mut HeaderMap, texts: &[String]) {
    let readable = texts.iter().filter(|text| warning_value(text).is_some());
    let mut total = 0;
    let too_much = readable.clone().position(|text| {
        total += text.chars().count();
        total > MAX_WARNING_CHARACTERS
    });
    let mut written = 0;
    for (place, text) in readable.enumerate() {
        // Those that were there when it became too much stay, cut; others follow as long as there is room.
        let Some(too_much) = too_much else {
            if let Some(value) = warning_value(text) {
                headers.append(WARNING, value);
            }
            continue;
        };
        if place > too_much && written >= MAX_WARNING_CHARACTERS {
            return;
        }
        let short: String = text.chars().take(SHORT_WARNING_CHARACTERS).collect();
        written += short.chars().count();
        if let Some(value) = warning_value(&short) {
            headers.append(WARNING, value);
        }
    }
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
        let short: Vec<String> = (0..500).map(|n| format!("{n:010}")).collect();
        let mut headers = HeaderMap::new();
        add_warnings(&mut headers, &short);
        assert_eq!(
            headers.get_all(WARNING).iter().count(),
            410,
            "the last goes beyond"
        );
    }
}
