//! Addresses.

use std::net::IpAddr;

use meta::quote;

use super::opaque::{Opaque, types::IP};
use super::{Answer, Functions, Run, failed, no_such_overload};
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    functions.global("ip", "string_to_ip", &[Type::String], IP, |a| match a {
        [Value::String(text)] => match parse(text) {
            Ok(address) => Ok(Value::Opaque(Opaque::Ip(address))),
            Err(error) => failed(error),
        },
        _ => Err(no_such_overload()),
    });
    functions.global("isIP", "is_ip", &[Type::String], Type::Bool, |a| match a {
        [Value::String(text)] => Ok(Value::Bool(parse(text).is_ok())),
        _ => Err(no_such_overload()),
    });
    functions.global(
        "ip.isCanonical",
        "ip_is_canonical",
        &[Type::String],
        Type::Bool,
        |a| match a {
            [Value::String(text)] => match parse(text) {
                Ok(address) => Ok(Value::Bool(address.to_string() == **text)),
                Err(error) => failed(error),
            },
            _ => Err(no_such_overload()),
        },
    );
    functions.global("string", "ip_to_string", &[IP], Type::String, |a| {
        of(a, |ip| Value::text(ip.to_string()))
    });
    functions.member("family", "ip_family", &[IP], Type::Int, |a| {
        of(a, |ip| Value::Int(if ip.is_ipv4() { 4 } else { 6 }))
    });
    let tests: [(&'static str, &'static str, Run); 5] = [
        ("isUnspecified", "ip_is_unspecified", |a| {
            of(a, |ip| Value::Bool(ip.is_unspecified()))
        }),
        ("isLoopback", "ip_is_loopback", |a| {
            of(a, |ip| Value::Bool(ip.is_loopback()))
        }),
        ("isLinkLocalMulticast", "ip_is_link_local_multicast", |a| {
            of(a, |ip| Value::Bool(link_local_multicast(ip)))
        }),
        ("isLinkLocalUnicast", "ip_is_link_local_unicast", |a| {
            of(a, |ip| Value::Bool(link_local_unicast(ip)))
        }),
        ("isGlobalUnicast", "ip_is_global_unicast", |a| {
            of(a, |ip| Value::Bool(global_unicast(ip)))
        }),
    ];
    for (function, id, run) in tests {
        functions.member(function, id, &[IP], Type::Bool, run);
    }
}

fn of<'v>(arguments: &[Value<'v>], run: fn(IpAddr) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Ip(address))] => Ok(run(*address)),
        _ => Err(no_such_overload()),
    }
}

/// An address without zone that is no IPv4 address written as an IPv6 one.
///
/// # Errors
/// With upstream's words.
pub(super) fn parse(text: &str) -> Result<IpAddr, String> {
    if let Some((address, _)) = text.split_once('%')
        && address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6())
    {
        return Err(format!(
            "IP address {} with zone value is not allowed",
            quote(text)
        ));
    }
    let Ok(address) = text.parse::<IpAddr>() else {
        let (quoted, reason) = (quote(text), problem(text));
        return Err(format!(
            "IP Address {quoted} parse error during conversion from string: ParseAddr({quoted}): {reason}"
        ));
    };
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {} is not allowed", quote(text)))
        }
        address => Ok(address),
    }
}

/// What Go says of a text that is no address.
pub(super) fn problem(text: &str) -> String {
    let Some(separator) = text.find(['.', ':', '%']) else {
        return "unable to parse IP".to_owned();
    };
    match text.as_bytes()[separator] {
        b'.' => problem_of_v4(text),
        b'%' => "missing IPv6 address".to_owned(),
        _ => problem_of_v6(text),
    }
}

fn problem_of_v4(text: &str) -> String {
    let fields: Vec<&str> = text.split('.').collect();
    for (index, field) in fields.iter().enumerate() {
        if let Some(at) = field.find(|c: char| !c.is_ascii_digit()) {
            let begin: usize = fields[..index].iter().map(|field| field.len() + 1).sum();
            return format!("unexpected character (at {})", quote(&text[begin + at..]));
        }
        if field.is_empty() {
            let begin: usize = fields[..index].iter().map(|field| field.len() + 1).sum();
            return format!(
                "IPv4 field must have at least one digit (at {})",
                quote(&text[begin.min(text.len())..])
            );
        }
        if field.len() > 1 && field.starts_with('0') {
            return "IPv4 field has octet with leading zero".to_owned();
        }
        if field.parse::<u8>().is_err() {
            return "IPv4 field has value >255".to_owned();
        }
    }
    if fields.len() > 4 {
        "IPv4 address too long"
    } else {
        "IPv4 address too short"
    }
    .to_owned()
}

fn problem_of_v6(text: &str) -> String {
    let mut rest = text.strip_prefix("::").unwrap_or(text);
    let mut gap = rest.len() < text.len();
    let mut groups = 0;
    while groups < 8 && !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        if end > 4 {
            return format!("each group must have 4 or fewer digits (at {})", quote(rest));
        }
        if end == 0 {
            return format!(
                "each colon-separated field must have at least one digit (at {})",
                quote(rest)
            );
        }
        groups += 1;
        let after = &rest[end..];
        if after.is_empty() {
            rest = after;
            break;
        }
        let Some(next) = after.strip_prefix(':') else {
            return format!("unexpected character, want colon (at {})", quote(after));
        };
        if next.is_empty() {
            return format!("colon must be followed by more characters (at {})", quote(after));
        }
        rest = next;
        if let Some(next) = rest.strip_prefix(':') {
            if gap {
                return format!("multiple :: in address (at {})", quote(rest));
            }
            gap = true;
            rest = next;
        }
    }
    if rest.is_empty() {
        "address string too short".to_owned()
    } else {
        format!("trailing garbage after address (at {})", quote(rest))
    }
}

fn link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    }
}

fn link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn global_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified()
        || broadcast
        || address.is_loopback()
        || address.is_multicast()
        || link_local_unicast(address))
}
