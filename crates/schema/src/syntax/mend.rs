//! Replaces what Go reads as the replacement character: bytes that are no UTF-8, and halves of surrogate pairs.

use std::borrow::Cow;

/// `json` with replacement characters, or none if nothing had to be replaced. `json` is well-formed but for that.
pub(super) fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(json);
    let had_invalid_bytes = matches!(text, Cow::Owned(_));
    let mut mended = text.into_owned();
    let had_halves = replace_halves(&mut mended);
    (had_invalid_bytes || had_halves).then(|| mended.into_bytes())
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
