//! Formats of text (`format`), as upstream's validator knows them. Dashes in their names do not count: `date-time` is
//! `datetime`.

mod codes;
mod network;
mod times;

use std::borrow::Cow;

/// The format that is checked of what a schema names: unknown ones are ignored, and so are those of other types.
pub fn known<'a>(format: &'a str, type_name: &str) -> &'a str {
    let is_known = match type_name {
        "" | "string" => check(format).is_some(),
        "integer" => matches!(format, "int32" | "int64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    };
    if is_known { format } else { "" }
}

/// Whether text is checked for that format.
pub(super) fn is_checked(format: &str) -> bool {
    check(format).is_some()
}

/// Whether a text has the format; every text has one that is not known.
pub fn is_met(format: &str, text: &str) -> bool {
    check(format).is_none_or(|check| check(text))
}

type Check = fn(&str) -> bool;

fn check(format: &str) -> Option<Check> {
    let name: Cow<'_, str> = if format.contains('-') {
        format.replace('-', "").into()
    } else {
        format.into()
    };
    Some(match &*name {
        "bsonobjectid" => |text| text.len() == 24 && is_hex(text),
        "uri" => network::is_request_uri,
        "email" => network::is_email,
        "hostname" => network::is_hostname,
        "ipv4" => network::is_ipv4,
        "ipv6" => network::is_ipv6,
        "cidr" => network::is_cidr,
        "mac" => network::is_mac,
        "uuid" => |text| codes::is_uuid(text, None),
        "uuid3" => |text| codes::is_uuid(text, Some('3')),
        "uuid4" => |text| codes::is_uuid(text, Some('4')),
        "uuid5" => |text| codes::is_uuid(text, Some('5')),
        "isbn" => |text| codes::is_isbn10(text) || codes::is_isbn13(text),
        "isbn10" => codes::is_isbn10,
        "isbn13" => codes::is_isbn13,
        "creditcard" => codes::is_credit_card,
        "ssn" => codes::is_social_security_number,
        "hexcolor" => codes::is_hex_color,
        "rgbcolor" => codes::is_rgb_color,
        "byte" => codes::is_base64,
        "password" => |_| true,
        "date" => times::is_date,
        "datetime" => times::is_date_time,
        "duration" => times::is_duration,
        "quantity" => |text| meta::Quantity::parse(text).is_ok(),
        "k8sshortname" => |text| text.len() <= 63 && is_name(text),
        "k8slongname" => |text| text.len() <= 253 && text.split('.').all(is_name),
        _ => return None,
    })
}

/// Small letters, digits and, between them, dashes.
fn is_name(text: &str) -> bool {
    let is_alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            is_alphanumeric(*first)
                && is_alphanumeric(*last)
                && bytes.iter().all(|c| is_alphanumeric(*c) || *c == b'-')
        }
        _ => false,
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_hexdigit())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(format: &str, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is_met(format, text), "{format} {text:?} is good");
        }
        for text in bad {
            assert!(!is_met(format, text), "{format} {text:?} is bad");
        }
    }

    #[test]
    fn times_are_known() {
        check_all(
            "date-time",
            &[
                "2020-01-01T00:00:00Z",
                "2020-01-01t23:59:59.123+01:00",
                "2014-12-15T19:30:20.000Z",
            ],
            &[
                "yesterday",
                "2020-01-01",
                "2020-13-01T00:00:00Z",
                "2020-01-01T24:00:00Z",
                "2020-01-01T00:00:00",
                "",
            ],
        );
        check_all("date", &["2020-02-29"], &["2021-02-29", "2020-1-1", "x"]);
        check_all(
            "duration",
            &["1h30m", "22 ns", "3 days", "1.5s", "-2m", "0"],
            &["", "x", "1", "1 fortnight"],
        );
    }

    #[test]
    fn addresses_are_known() {
        check_all(
            "ipv4",
            &["10.0.0.1", "010.0.0.1"],
            &["10.0.0", "::1", "300.0.0.1"],
        );
        check_all("ipv6", &["::1", "fe80::1"], &["10.0.0.1", ":::"]);
        check_all("cidr", &["10.0.0.0/8", "::/0"], &["10.0.0.0", "10.0.0.0/33"]);
        check_all(
            "mac",
            &["01:23:45:67:89:ab", "01-23-45-67-89-ab", "0123.4567.89ab"],
            &["01:23:45:67:89", "01:23-45:67:89:ab"],
        );
        check_all(
            "uri",
            &["http://a.b/c?d", "/path", "urn:x:y"],
            &["a b", "relative", "", "http://a b/"],
        );
        check_all("email", &["a@b.c", "A B <a@b.c>"], &["a", "@b", "a@"]);
        check_all(
            "hostname",
            &["a.example.com", "localhost", "1a"],
            &["", "-a", "a_b", "a..b"],
        );
    }

    #[test]
    fn codes_are_known() {
        check_all(
            "uuid",
            &[
                "A987FBC9-4BED-3078-CF07-9141BA07C9F3",
                "a987fbc94bed3078cf079141ba07c9f3",
            ],
            &["x", "a987fbc9-4bed-3078-cf07-9141ba07c9f"],
        );
        check_all(
            "uuid4",
            &["57b73598-8764-4ad0-a76a-679bb6640eb1"],
            &["57b73598-8764-3ad0-a76a-679bb6640eb1"],
        );
        check_all(
            "isbn",
            &["0321751043", "978-0321751041"],
            &["0321751044", "978-0321751042"],
        );
        check_all(
            "creditcard",
            &["4111-1111-1111-1111"],
            &["4111-1111-1111-1112", "1"],
        );
        check_all("ssn", &["111-11-1111"], &["111111111", "999 99 999"]);
        check_all("hexcolor", &["#FFFFFF", "fff"], &["#ff", "#gggggg"]);
        check_all(
            "rgbcolor",
            &["rgb(255, 255,0)"],
            &["rgb(256,0,0)", "rgb(01,0,0)", "rgb(1,2)"],
        );
        check_all("byte", &["aGVsbG8="], &["aGVsbG8", "", "===="]);
        check_all("bsonobjectid", &["507f1f77bcf86cd799439011"], &["507f"]);
    }

    #[test]
    fn names_and_quantities_are_known() {
        check_all("k8s-short-name", &["a-1", "1"], &["A", "-a", "a.b", ""]);
        check_all("k8s-long-name", &["a.b-1"], &["a..b", "a.B"]);
        check_all("quantity", &["10Gi", "1.5"], &["ten"]);
        check_all("unheard-of", &["anything"], &[]);
        assert_eq!(known("date-time", "string"), "date-time");
        assert_eq!(known("date-time", "integer"), "");
        assert_eq!(known("unheard-of", "string"), "");
        assert_eq!(known("int32", "integer"), "int32");
    }
}
