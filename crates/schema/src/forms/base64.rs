//! Bytes as base64 text.

use ::base64::Engine;
use ::base64::alphabet::STANDARD as ALPHABET;
use ::base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// Reads what Go reads: line ends are skipped, stray bits after the last byte ignored.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The bytes of a base64 text, or Go's message.
pub fn parse(text: &str) -> Result<Vec<u8>, String> {
    let joined;
    let plain = if text.contains(['\r', '\n']) {
        joined = text.replace(['\r', '\n'], "");
        &joined
    } else {
        text
    };
    LENIENT
        .decode(plain)
        .map_err(|_| format!("illegal base64 data at input byte {}", fault(text.as_bytes())))
}

/// Where Go's decoder stops in a text that is no base64: at a byte that does not belong, or, if the text ends too early,
/// at the start of its last group of four.
fn fault(text: &[u8]) -> usize {
    let mut group_length = 0;
    for (position, byte) in text.iter().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' if group_length < 2 => return position,
            b'=' => return padding_fault(text, position, group_length),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => group_length = (group_length + 1) % 4,
            _ => return position,
        }
    }
    text.len() - group_length
}

/// The fault at or after the first padding.
fn padding_fault(text: &[u8], first: usize, group_length: usize) -> usize {
    let next = |from: usize| {
        let mut rest = text.iter().skip(from);
        rest.position(|byte| !matches!(byte, b'\r' | b'\n'))
            .map(|skipped| from + skipped)
    };
    let mut last = first;
    if group_length == 2 {
        match next(first + 1) {
            None => return text.len(),
            Some(second) if text[second] == b'=' => last = second,
            Some(second) => return second - 1,
        }
    }
    next(last + 1).unwrap_or(text.len())
}

/// Whether `text` is as [`to_text`] writes it.
pub fn is_canonical(text: &str) -> bool {
    STANDARD.decode(text).is_ok()
}

/// As base64 text.
pub fn to_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_go_reads_it() {
        for (text, expected) in [
            ("", Ok("")),
            ("YQ==", Ok("a")),
            ("YWJj\nZGVm\r\n", Ok("abcdef")),
            ("YR==", Ok("a")),
            ("!!!!", Err("illegal base64 data at input byte 0")),
            ("YWJ?", Err("illegal base64 data at input byte 3")),
            ("YWJjZA", Err("illegal base64 data at input byte 4")),
            ("!!!", Err("illegal base64 data at input byte 0")),
            ("not base64", Err("illegal base64 data at input byte 3")),
            ("YQ=", Err("illegal base64 data at input byte 3")),
            ("YQ=a", Err("illegal base64 data at input byte 2")),
            ("YQ==YQ==", Err("illegal base64 data at input byte 4")),
        ] {
            let read = parse(text);
            assert_eq!(
                read.as_deref().map_err(String::as_str),
                expected.map(str::as_bytes),
                "{text}"
            );
        }
    }
}
