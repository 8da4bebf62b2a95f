//! Codes with a form of their own: identifiers, numbers of books and cards, colours.

use super::{is_digits, is_hex};

/// 32 hexadecimal digits, a dash between the groups or not; the third group begins with the version. Versions 4 and 5
/// also have the variant.
pub(super) fn is_uuid(text: &str, version: Option<char>) -> bool {
    let Some(digits) = without_dashes(text) else {
        return false;
    };
    let at = |index: usize| digits.chars().nth(index);
    let has_variant = || at(16).is_some_and(|c| "89abAB".contains(c));
    match version {
        None => true,
        Some('3') => at(12) == Some('3'),
        Some(version) => at(12) == Some(version) && has_variant(),
    }
}

fn without_dashes(text: &str) -> Option<String> {
    let mut rest = text;
    let mut digits = String::with_capacity(32);
    for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let (group, after) = rest.split_at_checked(length)?;
        digits.push_str(group);
        rest = after;
    }
    (rest.is_empty() && is_hex(&digits)).then_some(digits)
}

/// Without blanks and dashes.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

pub(super) fn is_isbn10(text: &str) -> bool {
    let bare = bare(text);
    let [body @ .., last] = bare.as_bytes() else {
        return false;
    };
    let is_shaped =
        body.len() == 9 && body.iter().all(u8::is_ascii_digit) && (last.is_ascii_digit() || *last == b'X');
    let weighted: u32 = body
        .iter()
        .zip(1..)
        .map(|(byte, weight)| weight * digit(*byte))
        .sum();
    let check = if *last == b'X' { 10 } else { digit(*last) };
    is_shaped && (weighted + 10 * check).is_multiple_of(11)
}

pub(super) fn is_isbn13(text: &str) -> bool {
    let bare = bare(text);
    if bare.len() != 13 || !is_digits(&bare) {
        return false;
    }
    let sum: u32 = bare
        .bytes()
        .zip([1, 3].into_iter().cycle())
        .map(|(byte, factor)| factor * digit(byte))
        .sum();
    sum.is_multiple_of(10)
}

/// A number of one of the great card companies, with whatever is written between its digits.
pub(super) fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    is_card_number(&digits) && has_card_checksum(&digits)
}

fn is_card_number(digits: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| digits.starts_with(prefix));
    match digits.len() {
        13 => begins(&["4"]),
        14 => begins(&["300", "301", "302", "303", "304", "305", "36", "38"]),
        15 => begins(&["34", "37", "2131", "1800"]),
        16 => {
            begins(&["4", "51", "52", "53", "54", "55", "6011", "65", "35"])
                || (digits.starts_with('6') && digits.as_bytes().get(1) == Some(&b'5'))
        }
        _ => false,
    }
}

fn has_card_checksum(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(
            |(place, byte)| match digit(byte) * (1 + u32::from(place % 2 == 1)) {
                doubled @ 10.. => doubled - 9,
                small => small,
            },
        )
        .sum();
    sum.is_multiple_of(10)
}

pub(super) fn is_social_security_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_separator = |index: usize| matches!(bytes.get(index), Some(b'-' | b' '));
    bytes.len() == 11
        && is_separator(3)
        && is_separator(6)
        && bytes
            .iter()
            .enumerate()
            .all(|(index, byte)| matches!(index, 3 | 6) || byte.is_ascii_digit())
}

pub(super) fn is_hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && is_hex(digits)
}

pub(super) fn is_rgb_color(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let parts: Vec<&str> = inner.split(',').map(str::trim).collect();
    let is_byte = |text: &&str| {
        is_digits(text) && (*text == "0" || !text.starts_with('0')) && text.parse::<u8>().is_ok()
    };
    parts.len() == 3 && parts.iter().all(is_byte)
}

/// Base64 in its standard alphabet, padded; something must be encoded.
pub(super) fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let is_digit = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/');
    !body.is_empty() && text.len().is_multiple_of(4) && padding <= 2 && body.bytes().all(is_digit)
}
