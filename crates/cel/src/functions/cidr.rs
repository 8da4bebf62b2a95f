//! Networks.

use std::net::IpAddr;

use meta::quote;

use super::opaque::{
    Opaque,
    types::{CIDR, IP},
};
use super::{Answer, Functions, failed, ip, no_such_overload};
use crate::error::EvaluationError;
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    functions.global("cidr", "string_to_cidr", &[Type::String], CIDR, |a| match a {
        [Value::String(text)] => match parse(text) {
            Ok((address, bits)) => Ok(Value::Opaque(Opaque::Cidr(address, bits))),
            Err(error) => failed(error),
        },
        _ => Err(no_such_overload()),
    });
    functions.global("isCIDR", "is_cidr", &[Type::String], Type::Bool, |a| match a {
        [Value::String(text)] => Ok(Value::Bool(parse(text).is_ok())),
        _ => Err(no_such_overload()),
    });
    functions.global("string", "cidr_to_string", &[CIDR], Type::String, |a| {
        of(a, |address, bits| Value::text(format!("{address}/{bits}")))
    });
    functions.member(
        "containsIP",
        "cidr_contains_ip_string",
        &[CIDR, Type::String],
        Type::Bool,
        contains_ip,
    );
    functions.member(
        "containsIP",
        "cidr_contains_ip_ip",
        &[CIDR, IP],
        Type::Bool,
        contains_ip,
    );
    functions.member(
        "containsCIDR",
        "cidr_contains_cidr_string",
        &[CIDR, Type::String],
        Type::Bool,
        contains_cidr,
    );
    functions.member(
        "containsCIDR",
        "cidr_contains_cidr",
        &[CIDR, CIDR],
        Type::Bool,
        contains_cidr,
    );
    functions.member("ip", "cidr_ip", &[CIDR], IP, |a| {
        of(a, |address, _| Value::Opaque(Opaque::Ip(address)))
    });
    functions.member("prefixLength", "cidr_prefix_length", &[CIDR], Type::Int, |a| {
        of(a, |_, bits| Value::Int(i64::from(bits)))
    });
    functions.member("masked", "cidr_masked", &[CIDR], CIDR, |a| {
        of(a, |address, bits| {
            Value::Opaque(Opaque::Cidr(masked(address, bits), bits))
        })
    });
}

fn of<'v>(arguments: &[Value<'v>], run: fn(IpAddr, u8) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Cidr(address, bits))] => Ok(run(*address, *bits)),
        _ => Err(no_such_overload()),
    }
}

/// An address and the bits that name its network.
///
/// # Errors
/// With upstream's words.
fn parse(text: &str) -> Result<(IpAddr, u8), String> {
    // Upstream says it twice.
    let failed = |reason: &str| {
        let prefix = "network address parse error during conversion from string: ".repeat(2);
        Err(format!("{prefix}netip.ParsePrefix({}): {reason}", quote(text)))
    };
    let Some((address_text, bits_text)) = text.rsplit_once('/') else {
        return failed("no '/'");
    };
    let Ok(address) = address_text.parse::<IpAddr>() else {
        let reason = ip::problem(address_text);
        return failed(&format!("ParseAddr({}): {reason}", quote(address_text)));
    };
    let digits = !bits_text.is_empty() && bits_text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (bits_text.len() > 1 && bits_text.starts_with('0')) {
        return failed(&format!("bad bits after slash: {}", quote(bits_text)));
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    let Some(bits) = bits_text.parse::<u8>().ok().filter(|bits| *bits <= most) else {
        return failed("prefix length out of range");
    };
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {} is not allowed", quote(text)))
        }
        address => Ok((address, bits)),
    }
}

/// The address with all bits behind the first ones cleared.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

fn same_network(network: (IpAddr, u8), address: IpAddr) -> bool {
    network.0.is_ipv4() == address.is_ipv4() && masked(network.0, network.1) == masked(address, network.1)
}

fn contains_ip<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::Opaque(Opaque::Cidr(network, bits)), other] = arguments else {
        return Err(no_such_overload());
    };
    let address = match other {
        Value::Opaque(Opaque::Ip(address)) => *address,
        // What upstream says of a text that is no address.
        Value::String(text) => ip::parse(text).map_err(|_| no_such_overload())?,
        _ => return Err(no_such_overload()),
    };
    Ok(Value::Bool(same_network((*network, *bits), address)))
}

fn contains_cidr<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::Opaque(Opaque::Cidr(network, bits)), other] = arguments else {
        return Err(no_such_overload());
    };
    let (address, inner) = match other {
        Value::Opaque(Opaque::Cidr(address, bits)) => (*address, *bits),
        Value::String(text) => parse(text).map_err(EvaluationError::failed)?,
        _ => return Err(no_such_overload()),
    };
    Ok(Value::Bool(
        *bits <= inner && same_network((*network, *bits), address),
    ))
}
