//! `size`, `in`, `a[b]`, `a[?b]`, `type`, `dyn`.

use super::{A, Answer, B, Functions, failed, list_of, no_such_overload};
use crate::error::EvaluationError;
use crate::types::Type;
use crate::value::{Key, List, Value, contains};

pub(super) fn declare(functions: &mut Functions) {
    let list = || list_of(A);
    let map = || Type::map(A, B);
    for (global, member, of) in [
        ("size_bytes", "bytes_size", Type::Bytes),
        ("size_list", "list_size", list()),
        ("size_map", "map_size", map()),
        ("size_string", "string_size", Type::String),
    ] {
        functions.global("size", global, std::slice::from_ref(&of), Type::Int, size);
        functions.member("size", member, &[of], Type::Int, size);
    }
    functions.global("@in", "in_list", &[A, list()], Type::Bool, is_in);
    functions.global("@in", "in_map", &[A, map()], Type::Bool, is_in);
    functions.global("_[_]", "index_list", &[list(), Type::Int], A, index);
    functions.global("_[_]", "index_map", &[map(), A], B, index);
    functions.global(
        "_[_]",
        "optional_list_index_int",
        &[Type::optional(list()), Type::Int],
        Type::optional(A),
        index_optional,
    );
    functions.global(
        "_[_]",
        "optional_map_index_value",
        &[Type::optional(map()), A],
        Type::optional(B),
        index_optional,
    );
    functions.global(
        "_[?_]",
        "list_optindex_optional_int",
        &[list(), Type::Int],
        Type::optional(A),
        optional_index,
    );
    functions.global(
        "_[?_]",
        "map_optindex_optional_value",
        &[map(), A],
        Type::optional(B),
        optional_index,
    );
    functions.global(
        "_[?_]",
        "optional_list_optindex_optional_int",
        &[Type::optional(list()), Type::Int],
        Type::optional(A),
        optional_index,
    );
    functions.global(
        "_[?_]",
        "optional_map_optindex_optional_value",
        &[Type::optional(map()), A],
        Type::optional(B),
        optional_index,
    );
    functions.global(
        "type",
        "type",
        &[A],
        Type::type_of(A),
        |arguments| match arguments {
            [value] => Ok(Value::Type(value.runtime_type())),
            _ => Err(no_such_overload()),
        },
    );
    functions.global("dyn", "to_dyn", &[A], Type::Dyn, |arguments| match arguments {
        [value] => Ok(value.clone()),
        _ => Err(no_such_overload()),
    });
}

fn size<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [value @ (Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_))] => {
            Ok(Value::Int(value.size().unwrap_or_default() as i64))
        }
        _ => Err(no_such_overload()),
    }
}

fn is_in<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [value, Value::List(list)] => Ok(Value::Bool(contains(list, value))),
        [value, Value::Map(map)] => {
            let found = match Key::of(value) {
                Some(key) => map.get(&key)?.is_some(),
                None => false,
            };
            Ok(Value::Bool(found))
        }
        _ => Err(no_such_overload()),
    }
}

/// The place in a list that a number names.
fn place<'v>(list: &List<'v>, value: &Value<'v>) -> Result<Option<Value<'v>>, EvaluationError> {
    let place = match value {
        Value::Int(number) => i128::from(*number),
        Value::Uint(number) => i128::from(*number),
        Value::Double(number) if number.fract() == 0.0 => *number as i128,
        other => {
            let message = format!(
                "unsupported index type '{}' in list",
                other.runtime_type().runtime_name()
            );
            return Err(EvaluationError::failed(message));
        }
    };
    Ok(usize::try_from(place).ok().and_then(|place| list.get(place)))
}

/// The value at a key or place, if there is one.
///
/// # Errors
/// If the key can be none, or the operand has no parts.
pub(crate) fn find<'v>(operand: &Value<'v>, key: &Value<'v>) -> Result<Option<Value<'v>>, EvaluationError> {
    match operand {
        Value::List(list) => place(list, key),
        Value::Map(map) => match Key::of(key) {
            Some(key) => map.get(&key),
            None => Ok(None),
        },
        Value::Optional(Some(inner)) => find(inner, key),
        // From what has no parts, nothing can be found.
        _ => Ok(None),
    }
}

/// The value at a key or place.
pub(crate) fn index<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [operand, key] = arguments else {
        return Err(no_such_overload());
    };
    if matches!(operand, Value::Optional(_)) {
        return index_optional(arguments);
    }
    match find(operand, key)? {
        Some(value) => Ok(value),
        None => failed(match (operand, key) {
            (Value::List(_), Value::Int(number)) => format!("index out of bounds: {number}"),
            (Value::List(_), Value::Uint(number)) => format!("index out of bounds: {number}"),
            (_, key) => format!("no such key: {}", shown_key(key)),
        }),
    }
}

fn shown_key(key: &Value<'_>) -> String {
    Key::of(key).map_or_else(|| format!("{key:?}"), |key| key.shown())
}

fn index_optional<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    optional_index(arguments)
}

fn optional_index<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [operand, key] = arguments else {
        return Err(no_such_overload());
    };
    Ok(Value::Optional(find(operand, key)?.map(std::rc::Rc::new)))
}
