//! Certificates in PEM, as far as can be said of them without reading what they certify.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// A block of PEM.
pub(crate) struct Block<'a> {
    /// What it is said to hold.
    pub(crate) kind: &'a str,
    has_headers: bool,
    pub(crate) bytes: Vec<u8>,
}

/// What is wrong with issued certificates, in upstream's words.
pub(super) fn certificates_complaint(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut blocks = 0;
    while let Some((block, after)) = next_block(rest) {
        rest = after;
        blocks += 1;
        if block.kind != "CERTIFICATE" {
            let kind = meta::quote(block.kind);
            return Some(format!("only CERTIFICATE PEM blocks are allowed, found {kind}"));
        }
        if block.has_headers {
            return Some(String::from("no PEM block headers are permitted"));
        }
        match sequences(&block.bytes) {
            None => return Some(String::from("x509: malformed certificate")),
            Some(0) => {
                return Some(String::from(
                    "found CERTIFICATE PEM block containing 0 certificates",
                ));
            }
            Some(_) => {}
        }
    }
    (blocks == 0).then(|| String::from("must contain at least one CERTIFICATE PEM block"))
}

/// What is wrong with certificates of authorities to trust, in upstream's words. One that can be read is enough.
pub(crate) fn authorities_complaint(text: &str) -> Option<String> {
    let mut rest = text;
    let mut blocks = Vec::new();
    while let Some((block, after)) = next_block(rest) {
        rest = after;
        blocks.push(block);
    }
    let certificates = blocks
        .iter()
        .filter(|block| block.kind == "CERTIFICATE" && !block.has_headers);
    let mut readable = certificates.map(|block| sequences(&block.bytes) == Some(1));
    let first = readable.next();
    if first == Some(true) || readable.any(|is_readable| is_readable) {
        return None;
    }
    let why = match first {
        Some(_) => "failed to parse certificate: x509: malformed certificate",
        None if rest.is_empty() => "no valid certificate authority data seen",
        None => "unable to parse bytes as PEM block",
    };
    Some(format!("unable to load root certificates: {why}"))
}

/// The whole blocks in a text.
pub(crate) fn blocks(mut text: &str) -> impl Iterator<Item = Block<'_>> {
    std::iter::from_fn(move || {
        let (block, after) = next_block(text)?;
        text = after;
        Some(block)
    })
}

/// The first whole block, and what comes after it.
fn next_block(text: &str) -> Option<(Block<'_>, &str)> {
    let mut rest = text;
    loop {
        let start = rest.find(BEGIN)?;
        let begins_a_line = start == 0 || rest.as_bytes()[start - 1] == b'\n';
        rest = &rest[start + BEGIN.len()..];
        if !begins_a_line {
            continue;
        }
        let (kind, body) = rest.split_once(DASHES)?;
        let end = format!("-----END {kind}-----");
        let Some((body, after)) = body.split_once(&end) else {
            continue;
        };
        let (headers, data): (Vec<&str>, Vec<&str>) = body
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .partition(|line| line.contains(": "));
        let Ok(bytes) = STANDARD.decode(data.concat()) else {
            continue;
        };
        let block = Block {
            kind,
            has_headers: !headers.is_empty(),
            bytes,
        };
        return Some((block, after));
    }
}

/// How many sequences of DER these bytes are; none if they are something else.
fn sequences(mut der: &[u8]) -> Option<usize> {
    const SEQUENCE: u8 = 0x30;
    let mut count = 0;
    while let Some((&kind, rest)) = der.split_first() {
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        if kind != SEQUENCE {
            return None;
        }
        der = rest.get(length..)?;
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(certificates_complaint(text).as_deref(), expected, "{text}");
    }

    fn block(kind: &str, body: &str) -> String {
        format!("{BEGIN}{kind}-----\n{body}-----END {kind}-----\n")
    }

    #[test]
    fn authorities_need_one_certificate() {
        const NO_PEM: &str = "unable to parse bytes as PEM block";
        const MALFORMED: &str = "failed to parse certificate: x509: malformed certificate";
        for (text, expected) in [
            ("bad".to_owned(), Some(NO_PEM)),
            (block("CERTIFICATE", "YQ==\n"), Some(MALFORMED)),
            (
                block("CERTIFICATE", "YQ==\n") + &block("CERTIFICATE", "MAA=\n"),
                None,
            ),
            (block("PRIVATE KEY", "MAA=\n") + "text", Some(NO_PEM)),
        ] {
            let expected = expected.map(|why| format!("unable to load root certificates: {why}"));
            assert_eq!(authorities_complaint(&text), expected, "{text}");
        }
    }

    #[test]
    fn only_certificates_are_certificates() {
        check("", None);
        check("nothing", Some("must contain at least one CERTIFICATE PEM block"));
        check(&block("CERTIFICATE", "MAA=\n"), None);
        check(
            &format!(
                "{}text\n{}",
                block("CERTIFICATE", "MAMCAQE=\n"),
                block("CERTIFICATE", "MAA=\n")
            ),
            None,
        );
        check(
            &block("CERTIFICATE", ""),
            Some("found CERTIFICATE PEM block containing 0 certificates"),
        );
        check(
            &block("CERTIFICATE", "AAAA\n"),
            Some("x509: malformed certificate"),
        );
        check(
            &block("CERTIFICATE", "MP8=\n"),
            Some("x509: malformed certificate"),
        );
        check(
            &block("CERTIFICATE", "A: b\n\nMAA=\n"),
            Some("no PEM block headers are permitted"),
        );
        check(
            &block("PRIVATE KEY", "MAA=\n"),
            Some("only CERTIFICATE PEM blocks are allowed, found \"PRIVATE KEY\""),
        );
    }
}
