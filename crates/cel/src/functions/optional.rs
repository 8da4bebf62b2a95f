//! Optional values.

use super::{A, Answer, Functions, failed, list_of, no_such_overload};
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    let optional = || Type::optional(A);
    functions.global("optional.of", "optional_of", &[A], optional(), |a| match a {
        [value] => Ok(Value::some(value.clone())),
        _ => Err(no_such_overload()),
    });
    functions.global(
        "optional.ofNonZeroValue",
        "optional_ofNonZeroValue",
        &[A],
        optional(),
        |a| match a {
            [value] if is_zero(value) => Ok(Value::Optional(None)),
            [value] => Ok(Value::some(value.clone())),
            _ => Err(no_such_overload()),
        },
    );
    functions.global("optional.none", "optional_none", &[], optional(), |_| {
        Ok(Value::Optional(None))
    });
    functions.global(
        "optional.unwrap",
        "optional_unwrap",
        &[list_of(optional())],
        list_of(A),
        unwrap,
    );
    functions.member(
        "unwrapOpt",
        "optional_unwrapOpt",
        &[list_of(optional())],
        list_of(A),
        unwrap,
    );
    functions.member("value", "optional_value", &[optional()], A, |a| match a {
        [Value::Optional(Some(value))] => Ok((**value).clone()),
        [Value::Optional(None)] => failed("optional.none() dereference"),
        _ => Err(no_such_overload()),
    });
    functions.member(
        "hasValue",
        "optional_hasValue",
        &[optional()],
        Type::Bool,
        |a| match a {
            [Value::Optional(value)] => Ok(Value::Bool(value.is_some())),
            _ => Err(no_such_overload()),
        },
    );
    functions.member(
        "or",
        "optional_or_optional",
        &[optional(), optional()],
        optional(),
        |a| match a {
            [Value::Optional(None), other] => Ok(other.clone()),
            [some @ Value::Optional(_), _] => Ok(some.clone()),
            _ => Err(no_such_overload()),
        },
    );
    functions.member(
        "orValue",
        "optional_orValue_value",
        &[optional(), A],
        A,
        |a| match a {
            [Value::Optional(Some(value)), _] => Ok((**value).clone()),
            [Value::Optional(None), other] => Ok(other.clone()),
            _ => Err(no_such_overload()),
        },
    );
    functions.member("first", "list_first", &[list_of(A)], optional(), |a| {
        end(a, false)
    });
    functions.member("last", "list_last", &[list_of(A)], optional(), |a| end(a, true));
}

fn end<'v>(arguments: &[Value<'v>], last: bool) -> Answer<'v> {
    let [Value::List(list)] = arguments else {
        return Err(no_such_overload());
    };
    let place = if last { list.len().checked_sub(1) } else { Some(0) };
    Ok(Value::Optional(
        place.and_then(|place| list.get(place)).map(std::rc::Rc::new),
    ))
}

fn unwrap<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::List(list)] = arguments else {
        return Err(no_such_overload());
    };
    let mut values = Vec::new();
    for element in list.iter() {
        match element {
            Value::Optional(Some(value)) => values.push((*value).clone()),
            Value::Optional(None) => {}
            other => return failed(format!("value {other:?} is not optional")),
        }
    }
    Ok(Value::list(values))
}

/// Whether a value is what its type begins with.
fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null | Value::Optional(None) => true,
        Value::Bool(truth) => !truth,
        Value::Int(number) => *number == 0,
        Value::Uint(number) => *number == 0,
        Value::Double(number) => *number == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Duration(span) => span.as_nanos() == 0,
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}
