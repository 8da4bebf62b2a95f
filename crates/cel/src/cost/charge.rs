//! What an operation costs when it is evaluated.

use super::{PER_CHARACTER, PER_PATTERN_CHARACTER, PERMISSION};
use crate::functions::opaque::Opaque;
use crate::value::{List, Map, Value};

/// A name, or a selection.
pub const NAME: u64 = 1;
/// A call of constant cost.
pub const CALL: u64 = 1;
/// A list that is made.
pub const LIST: u64 = 10;
/// A map that is made.
pub const MAP: u64 = 30;
/// An object that is made.
pub const OBJECT: u64 = 40;

fn scaled(size: u64, factor: f64) -> u64 {
    (size as f64 * factor).ceil() as u64
}

/// Characters, bytes, elements or entries; everything else counts as one.
fn size(value: &Value<'_>) -> u64 {
    match value {
        Value::Optional(Some(inner)) => size(inner),
        value => value.size().unwrap_or(1),
    }
}

/// Going once through the text.
fn read(value: &Value<'_>) -> u64 {
    scaled(size(value), PER_CHARACTER)
}

/// Applying a pattern of a length to a text. An empty text costs something too.
fn searched(text: &Value<'_>, pattern: u64) -> u64 {
    ((1.0 + size(text) as f64) * PER_CHARACTER).ceil() as u64 * scaled(pattern, PER_PATTERN_CHARACTER)
}

/// The cost of a call, from its arguments. None if it is known from the result alone.
///
/// `overload` is empty if it shows only now which one it is.
pub fn before(function: &str, overload: &str, arguments: &[Value<'_>]) -> Option<u64> {
    let first = arguments.first().unwrap_or(&Value::Null);
    let second = arguments.get(1).unwrap_or(&Value::Null);
    Some(match function {
        "check" => PERMISSION,
        "fieldSelector" | "labelSelector" => selector(size(second)),
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => traversed(first),
        "url" | "lowerAscii" | "upperAscii" | "substring" | "trim" | "jsonpatch.escapeKey" => read(first),
        "cidr" | "isIP" | "isCIDR" | "quantity" | "isQuantity" | "semver" | "isSemver" => read(first),
        "ip" if overload != "cidr_ip" => read(first),
        "replace" | "split" | "ip.isCanonical" => scaled(size(first), 2.0 * PER_CHARACTER),
        "join" | "slice" | "lists.range" | "reverse" => return None,
        "flatten" => {
            let depth = match second {
                Value::Int(depth) => *depth as f64,
                _ => 1.0,
            };
            allocated(size(first), depth)
        }
        "distinct" | "sort" => compared(first),
        "@sortByAssociatedKeys" => compared(second),
        "sets.contains" | "sets.intersects" => CALL + size(first).saturating_mul(size(second)),
        "sets.equivalent" => CALL + size(first).saturating_mul(size(second)).saturating_mul(2),
        "find" | "findAll" => searched(first, size(second)),
        "containsIP" => {
            let parsed = if overload == "cidr_contains_ip_string" {
                read(second)
            } else {
                0
            };
            scaled(2 * size(first), PER_CHARACTER) + parsed
        }
        "containsCIDR" => {
            let parsed = if overload == "cidr_contains_cidr_string" {
                read(second)
            } else {
                0
            };
            scaled(2 * size(first), PER_CHARACTER) + read(first) + 1 + parsed
        }
        "validate" => match first {
            Value::Opaque(Opaque::Format(format)) => searched(second, format.pattern_size),
            _ => CALL,
        },
        "_==_" | "_!=_" => equality(function, first, second),
        _ => of_overload(overload, first, second),
    })
}

/// The cost of a call that is known from its result.
pub fn of_result(function: &str, result: &Value<'_>) -> u64 {
    match function {
        "join" => scaled(size(result), 2.0 * PER_CHARACTER),
        _ => allocated(size(result), 1.0),
    }
}

/// A list that is made, going through `size` elements so often.
fn allocated(size: u64, times: f64) -> u64 {
    (size as f64 * times) as u64 + CALL + LIST
}

/// A list that is made by comparing each element with each.
fn compared(list: &Value<'_>) -> u64 {
    let first = match list {
        Value::List(list) => list.get(0),
        _ => None,
    };
    let each = match first {
        Some(Value::String(_) | Value::Bytes(_)) => 2.0 + PER_CHARACTER,
        _ => 2.0,
    };
    allocated(size(list).saturating_mul(size(list)), each)
}

fn equality(function: &str, left: &Value<'_>, right: &Value<'_>) -> u64 {
    if function == "_==_" && matches!(left, Value::Opaque(_)) {
        return CALL;
    }
    scaled(size(left).min(size(right)), PER_CHARACTER)
}

fn of_overload(overload: &str, first: &Value<'_>, second: &Value<'_>) -> u64 {
    match overload {
        "starts_with_string" | "ends_with_string" | "string_to_bytes" | "bytes_to_string"
        | "strings_quote" | "string_format" => read(first),
        "in_list" => size(second),
        "less_string"
        | "greater_string"
        | "less_equals_string"
        | "greater_equals_string"
        | "less_bytes"
        | "greater_bytes"
        | "less_equals_bytes"
        | "greater_equals_bytes" => scaled(size(first).min(size(second)), PER_CHARACTER),
        "add_string" | "add_bytes" => scaled(size(first) + size(second), PER_CHARACTER),
        "matches_string" => searched(first, size(second)),
        "contains_string" => read(first) * read(second),
        _ => CALL,
    }
}

/// Reading a selector: the text, and a requirement for every two characters.
fn selector(length: u64) -> u64 {
    let requirements = scaled(length, 0.5);
    LIST + scaled(length, PER_CHARACTER) + requirements * (LIST + OBJECT)
}

/// Going through everything that a value holds.
fn traversed(value: &Value<'_>) -> u64 {
    match value {
        Value::String(text) => (text.len() as f64 * PER_CHARACTER) as u64,
        Value::Bytes(bytes) => (bytes.len() as f64 * PER_CHARACTER) as u64,
        Value::List(list) => traversed_list(list),
        Value::Map(map) => traversed_map(map),
        _ => 1,
    }
}

fn traversed_list(list: &List<'_>) -> u64 {
    list.iter().map(|element| traversed(&element)).sum()
}

fn traversed_map(map: &Map<'_>) -> u64 {
    let cost = |key: crate::value::Key| {
        let value = map.get(&key).ok().flatten().map_or(0, |value| traversed(&value));
        traversed(&key.value()) + value
    };
    map.keys().into_iter().map(cost).sum()
}
