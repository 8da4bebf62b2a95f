//! IP addresses and blocks of them.

use std::net::{IpAddr, Ipv4Addr};

use super::Problems;

/// How exactly an address must be written.
///
/// Fields that existed before the strict rules take what Go's old parser took: leading zeros (decimal) and IPv4 inside
/// IPv6. Newer fields do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    Legacy,
    Strict,
}

/// Reads an address in the lenient way: `010.0.0.1` is `10.0.0.1`, and IPv4 inside IPv6 is IPv4.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        let address = match text.rfind('.') {
            // The IPv4 part of a mixed address may have leading zeros as well.
            Some(_) => {
                let at = text.rfind(':')?;
                let v4 = parse_v4(&text[at + 1..])?;
                format!("{}{v4}", &text[..=at]).parse().ok()?
            }
            None => text.parse::<std::net::Ipv6Addr>().ok()?,
        };
        return Some(match address.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(address),
        });
    }
    parse_v4(text).map(IpAddr::V4)
}

fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.len() <= 255 && part.bytes().all(|b| b.is_ascii_digit());
        *octet = digits.then(|| part.trim_start_matches('0')).and_then(|part| {
            if part.is_empty() {
                Some(0)
            } else {
                part.parse().ok()
            }
        })?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Reads a block in the lenient way: address and length of the prefix.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let ip = parse_ip(address)?;
    let is_v4_text = !address.contains(':');
    let plain = !length.is_empty()
        && length.bytes().all(|b| b.is_ascii_digit())
        && (length == "0" || !length.starts_with('0'));
    let length: u8 = plain.then(|| length.parse().ok())??;
    let most = if is_v4_text { 32 } else { 128 };
    if length > most {
        return None;
    }
    match ip {
        // `::ffff:1.2.3.4/120` is a block of IPv4 addresses with a prefix that counts the IPv6 part.
        IpAddr::V4(_) if !is_v4_text => length.checked_sub(96).map(|length| (ip, length)),
        _ => Some((ip, length)),
    }
}

/// An address, strictly written. `must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`.
pub fn ip(text: &str) -> Problems {
    check_ip(text, Strictness::Strict)
}

/// An address, written as it is printed.
pub fn canonical_ip(text: &str) -> Problems {
    let problems = ip(text);
    match parse_ip(text) {
        Some(address) if problems.is_empty() && address.to_string() != text => {
            vec![format!("must be in canonical form ({:?})", address.to_string())]
        }
        _ => problems,
    }
}

/// What clients are told of an address that is taken although it should be written in another way.
pub fn ip_warning(text: &str) -> Option<String> {
    let address = parse_ip(text)?;
    if text.parse::<IpAddr>().is_err() || (address.is_ipv4() && text.contains(':')) {
        Some(format!(
            "non-standard IP address {text:?} is invalid: use \"{address}\""
        ))
    } else if address.is_ipv6() && address.to_string() != text {
        Some(format!(
            "IPv6 address {text:?} should be in RFC 5952 canonical format (\"{address}\")"
        ))
    } else {
        None
    }
}

/// The same for a block.
pub fn cidr_warnings(text: &str) -> Vec<String> {
    let Some((address, length)) = parse_cidr(text) else {
        return Vec::new();
    };
    let first = masked(address, length);
    let mut warnings = Vec::new();
    if first != address {
        let whole = if address.is_ipv4() { 32 } else { 128 };
        warnings.push(format!(
            "CIDR value {text:?} is ambiguous in this context (should be \"{first}/{length}\" or \"{address}/{whole}\"?)"
        ));
    }
    let written = text.split('/').next().unwrap_or(text);
    if written.parse::<IpAddr>().is_err() || (address.is_ipv4() && text.contains(':')) {
        warnings.push(format!(
            "non-standard CIDR value {text:?} is invalid: use \"{first}/{length}\""
        ));
    }
    let canonical = format!("{address}/{length}");
    if warnings.is_empty() && address.is_ipv6() && canonical != text {
        warnings.push(format!(
            "IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"
        ));
    }
    warnings
}

/// A block, strictly written. `must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`.
pub fn cidr(text: &str) -> Problems {
    check_cidr(text, Strictness::Strict)
}

/// An address in a field that takes the old forms too.
pub fn legacy_ip(text: &str) -> Problems {
    check_ip(text, Strictness::Legacy)
}

/// A block in a field that takes the old forms too.
pub fn legacy_cidr(text: &str) -> Problems {
    check_cidr(text, Strictness::Legacy)
}

/// An address of an interface with its prefix, as it is written shortest.
pub fn interface_address(text: &str) -> Problems {
    let Some((address, length)) = parse_cidr(text) else {
        return vec![String::from(
            "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)",
        )];
    };
    let canonical = format!("{address}/{length}");
    if text == canonical {
        Problems::new()
    } else {
        vec![format!("must be in canonical form ({canonical:?})")]
    }
}

fn check_ip(text: &str, strictness: Strictness) -> Problems {
    let mut problems = Problems::new();
    let Some(address) = parse_ip(text) else {
        problems.push(String::from(
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ));
        return problems;
    };
    if strictness == Strictness::Strict {
        if text.parse::<IpAddr>().is_err() {
            problems.push(String::from("must not have leading 0s"));
        }
        if address.is_ipv4() && text.contains(':') {
            problems.push(String::from("must not be an IPv4-mapped IPv6 address"));
        }
    }
    problems
}

fn check_cidr(text: &str, strictness: Strictness) -> Problems {
    let mut problems = Problems::new();
    let Some((address, length)) = parse_cidr(text) else {
        problems.push(String::from(
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ));
        return problems;
    };
    if strictness == Strictness::Strict {
        let written = text.split('/').next().unwrap_or(text);
        if written.parse::<IpAddr>().is_err() {
            problems.push(String::from("must not have leading 0s in IP"));
        }
        if address.is_ipv4() && text.contains(':') {
            problems.push(String::from("must not have an IPv4-mapped IPv6 address"));
        }
        if masked(address, length) != address {
            problems.push(String::from("must not have bits set beyond the prefix length"));
        }
    }
    problems
}

/// The first address of the block that `address` is in.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from(u32::from(v4) & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            std::net::Ipv6Addr::from(u128::from(v6) & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["1.2.3.4", "::1", "2001:db8::ffff"] {
            assert!(ip(text).is_empty() && legacy_ip(text).is_empty(), "{text}");
        }
        for text in [
            "",
            "abc",
            "300.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4/5",
            "fe80::1%eth0",
            "1..2.3",
        ] {
            assert_eq!(
                ip(text),
                ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
                "{text}"
            );
        }
        assert_eq!(ip("010.0.0.1"), ["must not have leading 0s"]);
        assert_eq!(ip("::ffff:1.2.3.4"), ["must not be an IPv4-mapped IPv6 address"]);
        assert!(legacy_ip("010.0.0.1").is_empty() && legacy_ip("::ffff:1.2.3.4").is_empty());
        assert_eq!(parse_ip("010.0.0.1"), Some(Ipv4Addr::new(10, 0, 0, 1).into()));
    }

    #[test]
    fn odd_forms_are_told() {
        assert_eq!(canonical_ip("::1"), [""; 0]);
        assert_eq!(canonical_ip("0:0::1"), ["must be in canonical form (\"::1\")"]);
        for (text, warning) in [
            ("1.2.3.4", None),
            ("::1", None),
            (
                "010.2.3.4",
                Some("non-standard IP address \"010.2.3.4\" is invalid: use \"10.2.3.4\""),
            ),
            (
                "::ffff:1.2.3.4",
                Some("non-standard IP address \"::ffff:1.2.3.4\" is invalid: use \"1.2.3.4\""),
            ),
            (
                "0::1",
                Some("IPv6 address \"0::1\" should be in RFC 5952 canonical format (\"::1\")"),
            ),
        ] {
            assert_eq!(ip_warning(text).as_deref(), warning, "{text}");
        }
        for (text, warnings) in [
            ("10.0.0.0/8", vec![]),
            (
                "10.0.0.1/8",
                vec![
                    "CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)",
                ],
            ),
            (
                "010.0.0.0/8",
                vec!["non-standard CIDR value \"010.0.0.0/8\" is invalid: use \"10.0.0.0/8\""],
            ),
            (
                "0::/8",
                vec!["IPv6 CIDR value \"0::/8\" should be in RFC 5952 canonical format (\"::/8\")"],
            ),
        ] {
            assert_eq!(cidr_warnings(text), warnings, "{text}");
        }
    }

    #[test]
    fn interfaces() {
        for (text, problem) in [
            ("10.9.8.7/24", None),
            ("2001:db8::1/64", None),
            (
                "10.9.8.7",
                Some("must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"),
            ),
            (
                "::ffff:1.2.3.4/120",
                Some("must be in canonical form (\"1.2.3.4/24\")"),
            ),
            (
                "010.9.8.7/24",
                Some("must be in canonical form (\"10.9.8.7/24\")"),
            ),
        ] {
            assert_eq!(
                interface_address(text).first().map(String::as_str),
                problem,
                "{text}"
            );
        }
    }

    #[test]
    fn blocks() {
        for text in ["10.9.8.0/24", "2001:db8::/64", "0.0.0.0/0", "::/0", "1.2.3.4/32"] {
            assert!(cidr(text).is_empty(), "{text}");
        }
        for text in [
            "abc",
            "1.2.3.4",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/08",
            "1.2.3.4/",
            "::/129",
        ] {
            assert_eq!(
                cidr(text),
                ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
                "{text}"
            );
        }
        assert_eq!(
            cidr("192.168.1.1/24"),
            ["must not have bits set beyond the prefix length"]
        );
        assert!(legacy_cidr("192.168.1.1/24").is_empty());
    }
}
