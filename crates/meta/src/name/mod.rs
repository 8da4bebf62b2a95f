//! Forms of names and values, each with upstream's message for what does not have the form.
//!
//! A check answers with everything that is wrong; nothing means the form is right. Checks of a value that stands in a
//! field become [`FieldError`](crate::FieldError)s where they are used.

mod address;
mod dns;
mod environment;
mod label;
mod port;

pub use address::{
    canonical_ip, cidr, cidr_warnings, interface_address, ip, ip_warning, legacy_cidr, legacy_ip, parse_cidr,
    parse_ip,
};
pub use dns::{
    dns1035_label, dns1123_label, dns1123_label_prefix, dns1123_subdomain, dns1123_subdomain_prefix,
    dns1123_subdomain_with_underscore, domain_prefixed_path, fully_qualified_domain_name,
    wildcard_dns1123_subdomain,
};
pub use environment::{c_identifier, config_key, environment_variable, relaxed_environment_variable};
pub use label::{label_key, label_value, qualified_name};
pub use port::{port_name, port_number};

/// What is wrong with a value; empty if nothing.
pub type Problems = Vec<String>;

/// The longest DNS label, and the longest name and value of a label.
pub const LABEL_MAX_LENGTH: usize = 63;
/// The longest DNS subdomain.
pub const SUBDOMAIN_MAX_LENGTH: usize = 253;

/// `must be no more than N characters`.
pub fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// `must be no more than N bytes`.
pub fn too_many_bytes(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

/// `must be between LEAST and MOST, inclusive`.
pub fn not_in_range(least: i64, most: i64) -> String {
    format!("must be between {least} and {most}, inclusive")
}

/// The message for a value that does not match a regular expression, with examples of values that do.
fn mismatch(message: &str, regex: &str, examples: &[&str]) -> String {
    let mut text = format!("{message} (");
    for (i, example) in examples.iter().enumerate() {
        text.push_str(if i == 0 { "e.g. " } else { " or " });
        text.push('\'');
        text.push_str(example);
        text.push_str("', ");
    }
    text.push_str("regex used for validation is '");
    text.push_str(regex);
    text.push_str("')");
    text
}

/// Whether `text` is not empty, begins and ends as `edge` says, and is made of what `inner` says.
fn is_made_of(text: &str, edge: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [first, .., last] if !(edge(*first) && edge(*last)) => false,
        [only] => edge(*only),
        bytes => bytes.iter().all(|&b| inner(b)),
    }
}

fn is_lower_alphanumeric(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// A name that is a segment of a path: nothing that would end or climb the path.
pub fn path_segment(name: &str) -> Problems {
    match name {
        "." | ".." => vec![format!("may not be '{name}'")],
        _ => path_segment_prefix(name),
    }
}

/// What [`path_segment`] asks of a beginning of a name.
pub fn path_segment_prefix(name: &str) -> Problems {
    ['/', '%']
        .into_iter()
        .filter(|&c| name.contains(c))
        .map(|c| format!("may not contain '{c}'"))
        .collect()
}

/// A percentage, `0%` and up.
pub fn percent(text: &str) -> Problems {
    let number = text.strip_suffix('%').unwrap_or("");
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return Problems::new();
    }
    vec![mismatch(
        "a valid percent string must be a numeric string followed by an ending '%'",
        "[0-9]+%",
        &["1%", "93%"],
    )]
}

/// The name of an HTTP header.
pub fn http_header_name(name: &str) -> Problems {
    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Problems::new();
    }
    vec![mismatch(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segments_stay_in_their_segment() {
        for (name, problems) in [
            ("a.b", vec![]),
            ("...", vec![]),
            (".", vec!["may not be '.'"]),
            ("..", vec!["may not be '..'"]),
            ("a/b%", vec!["may not contain '/'", "may not contain '%'"]),
        ] {
            assert_eq!(path_segment(name), problems, "{name}");
        }
        assert!(path_segment_prefix(".").is_empty());
    }

    #[test]
    fn percentages_are_digits_and_a_sign() {
        for text in ["0%", "93%", "1000%"] {
            assert!(percent(text).is_empty(), "{text}");
        }
        for text in ["", "%", "10", "10 %", "-1%", "1.5%", "10%%"] {
            assert_eq!(
                percent(text),
                [
                    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
                ],
                "{text}"
            );
        }
    }
}
