//! From bytes to the characters of a YAML text, with what upstream's reader says of bytes that are none.

use std::borrow::Cow;

/// The text that these bytes are: UTF-8, or UTF-16 that begins with a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest)?.into(),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?.into(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?.into(),
        _ => Cow::Borrowed(utf8(bytes)?),
    };
    check(&text)?;
    // It ends a line, in this version of YAML.
    const NEXT_LINE: char = '\u{85}';
    Ok(match text.contains(NEXT_LINE) {
        true => Cow::Owned(text.replace(NEXT_LINE, "\n")),
        false => text,
    })
}

fn check(text: &str) -> Result<(), String> {
    match text.chars().all(is_allowed) {
        true => Ok(()),
        false => Err(said("control characters are not allowed")),
    }
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

fn said(problem: &str) -> String {
    format!("yaml: {problem}")
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        // What is wrong before that is told first.
        let before = check(std::str::from_utf8(good).unwrap_or_default());
        before.err().unwrap_or_else(|| said(fault(bad)))
    })
}

/// What is wrong with the character that these bytes begin with.
fn fault(bytes: &[u8]) -> &'static str {
    let Some(&first) = bytes.first() else {
        return "incomplete UTF-8 octet sequence";
    };
    let (length, smallest) = match first {
        0xc0..=0xdf => (2, 0x80),
        0xe0..=0xef => (3, 0x800),
        0xf0..=0xf7 => (4, 0x10000),
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(rest) = bytes.get(1..length) else {
        return "incomplete UTF-8 octet sequence";
    };
    if rest.iter().any(|byte| byte & 0xc0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let lead = u32::from(first) & (0x7f >> length);
    let value = rest
        .iter()
        .fold(lead, |value, byte| value << 6 | u32::from(byte & 0x3f));
    match value < smallest {
        true => "invalid length of a UTF-8 sequence",
        false => "invalid Unicode character",
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(said("incomplete UTF-16 character"));
    }
    let units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
    String::from_utf16(&units).map_err(|_| said("unexpected low surrogate area"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_upstream_reads_them() {
        for (bytes, expected) in [
            (&b"a: b"[..], Ok("a: b")),
            (b"\xef\xbb\xbfa", Ok("a")),
            (b"\xff\xfea\0", Ok("a")),
            (b"\xfe\xff\0a", Ok("a")),
            ("a\u{85}é\u{feff}".as_bytes(), Ok("a\né\u{feff}")),
            (b"\xff", Err("yaml: invalid leading UTF-8 octet")),
            (b"a\xc3", Err("yaml: incomplete UTF-8 octet sequence")),
            (b"\xe9}\n", Err("yaml: invalid trailing UTF-8 octet")),
            (b"\xc0\x80", Err("yaml: invalid length of a UTF-8 sequence")),
            (b"\xed\xa0\x80", Err("yaml: invalid Unicode character")),
            (b"a\0", Err("yaml: control characters are not allowed")),
            (b"\x7f\xff", Err("yaml: control characters are not allowed")),
        ] {
            let expected = expected.map(Cow::from).map_err(str::to_owned);
            assert_eq!(text(bytes), expected, "{bytes:?}");
        }
    }
}
