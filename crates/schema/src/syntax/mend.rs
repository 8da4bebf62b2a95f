//! Replaces what Go reads as the replacement character: bytes that are no UTF-8, and halves of surrogate pairs; and numbers that
//! no double can hold.

use std::borrow::Cow;

/// `json` with replacement characters, or none if nothing had to be replaced. `json` is well-formed but for that.
pub(super) fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(json);
    let had_invalid_bytes = matches!(text, Cow::Owned(_));
    let mut mended = text.into_owned();
    let had_halves = replace_halves(&mut mended);
    let mut mended = mended.into_bytes();
    let had_vast = numbers(&mut mended, within_double);
    (had_invalid_bytes || had_halves || had_vast).then_some(mended)
}

/// The largest number that a double holds where a text is beyond it, in as many bytes.
fn within_double(number: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(number).ok()?;
    text.parse::<f64>().ok().filter(|value| value.is_infinite())?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits.len()),
        None => ("", text.len()),
    };
    // The shortest way beyond is five bytes long: 1e309.
    Some(format!("{sign}{:<digits$}", "1e308").into_bytes())
}

/// Replaces numbers that stand outside texts by others of the same length. True if there were such.
pub(super) fn numbers(json: &mut [u8], replacement: impl Fn(&[u8]) -> Option<Vec<u8>>) -> bool {
    let mut replaced = false;
    let mut position = 0;
    while position < json.len() {
        let rest = &json[position..];
        let length = match rest[0] {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => number_length(rest),
            _ => 1,
        };
        let token = &mut json[position..position + length];
        let new = (token[0] != b'"').then(|| replacement(token)).flatten();
        if let Some(new) = new.filter(|new| new.len() == length) {
            token.copy_from_slice(&new);
            replaced = true;
        }
        position += length;
    }
    replaced
}

fn number_length(json: &[u8]) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    json.iter().take_while(|byte| is_part(byte)).count()
}

/// How long a text is, quotation marks included.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

/// Replaces escapes of one half of a surrogate pair in place: all escapes are of the same length.
fn replace_halves(json: &mut String) -> bool {
    let mut replaced = false;
    let mut position = 0;
    while let Some(found) = json[position..].find('\\') {
        position += found;
        match (surrogate(json, position), surrogate(json, position + 6)) {
            (Some(Half::High), Some(Half::Low)) => position += 12,
            (Some(_), _) => {
                json.replace_range(position..position + 6, "\\ufffd");
                replaced = true;
                position += 6;
            }
            (None, _) => position += 2,
        }
    }
    replaced
}

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

/// The half of a surrogate pair that is escaped at `position`.
fn surrogate(json: &str, position: usize) -> Option<Half> {
    let digits = json.get(position..position + 6)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..0xdc00 => Some(Half::High),
        0xdc00..0xe000 => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_a_double_are_replaced() {
        for (json, expected) in [
            (r#"{"a":1e308,"1e400":"\"1e400"}"#, None),
            (
                r#"{"a":1e400,"b":[-2E+999]}"#,
                Some(r#"{"a":1e308,"b":[-1e308 ]}"#),
            ),
        ] {
            let replaced = mended(json.as_bytes());
            assert_eq!(replaced.as_deref(), expected.map(str::as_bytes), "{json}");
        }
    }

    #[test]
    fn only_what_go_replaces_is_replaced() {
        for (json, expected) in [
            (&br#""plain \ud83d\ude00 \\ud800""#[..], None),
            (br#""\ud83d!""#, Some(r#""\ufffd!""#)),
            (br#""\ude00\ud83d""#, Some(r#""\ufffd\ufffd""#)),
            (b"\"a\xffb\"", Some("\"a\u{fffd}b\"")),
        ] {
            assert_eq!(mended(json).as_deref(), expected.map(str::as_bytes));
        }
    }
}
