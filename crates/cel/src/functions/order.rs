//! `== != < <= > >=`.

use std::cmp::Ordering;

use super::{A, Answer, Functions, Run, failed, no_such_overload};
use crate::types::Type;
use crate::value::{Value, compare, equal};

/// For each type that has an order, the name that overloads have for it. Numbers compare across types too.
const ORDERED: [(Type, Type, [&str; 4]); 14] = {
    use Type::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    [
        (
            Bool,
            Bool,
            [
                "less_bool",
                "less_equals_bool",
                "greater_bool",
                "greater_equals_bool",
            ],
        ),
        (
            Int,
            Int,
            [
                "less_int64",
                "less_equals_int64",
                "greater_int64",
                "greater_equals_int64",
            ],
        ),
        (
            Int,
            Double,
            [
                "less_int64_double",
                "less_equals_int64_double",
                "greater_int64_double",
                "greater_equals_int64_double",
            ],
        ),
        (
            Int,
            Uint,
            [
                "less_int64_uint64",
                "less_equals_int64_uint64",
                "greater_int64_uint64",
                "greater_equals_int64_uint64",
            ],
        ),
        (
            Uint,
            Uint,
            [
                "less_uint64",
                "less_equals_uint64",
                "greater_uint64",
                "greater_equals_uint64",
            ],
        ),
        (
            Uint,
            Double,
            [
                "less_uint64_double",
                "less_equals_uint64_double",
                "greater_uint64_double",
                "greater_equals_uint64_double",
            ],
        ),
        (
            Uint,
            Int,
            [
                "less_uint64_int64",
                "less_equals_uint64_int64",
                "greater_uint64_int64",
                "greater_equals_uint64_int64",
            ],
        ),
        (
            Double,
            Double,
            [
                "less_double",
                "less_equals_double",
                "greater_double",
                "greater_equals_double",
            ],
        ),
        (
            Double,
            Int,
            [
                "less_double_int64",
                "less_equals_double_int64",
                "greater_double_int64",
                "greater_equals_double_int64",
            ],
        ),
        (
            Double,
            Uint,
            [
                "less_double_uint64",
                "less_equals_double_uint64",
                "greater_double_uint64",
                "greater_equals_double_uint64",
            ],
        ),
        (
            String,
            String,
            [
                "less_string",
                "less_equals_string",
                "greater_string",
                "greater_equals_string",
            ],
        ),
        (
            Bytes,
            Bytes,
            [
                "less_bytes",
                "less_equals_bytes",
                "greater_bytes",
                "greater_equals_bytes",
            ],
        ),
        (
            Timestamp,
            Timestamp,
            [
                "less_timestamp",
                "less_equals_timestamp",
                "greater_timestamp",
                "greater_equals_timestamp",
            ],
        ),
        (
            Duration,
            Duration,
            [
                "less_duration",
                "less_equals_duration",
                "greater_duration",
                "greater_equals_duration",
            ],
        ),
    ]
};

pub(super) fn declare(functions: &mut Functions) {
    functions.global(
        "_==_",
        "equals",
        &[A, A],
        Type::Bool,
        |arguments| match arguments {
            [left, right] => Ok(Value::Bool(equal(left, right))),
            _ => Err(no_such_overload()),
        },
    );
    functions.global(
        "_!=_",
        "not_equals",
        &[A, A],
        Type::Bool,
        |arguments| match arguments {
            [left, right] => Ok(Value::Bool(!equal(left, right))),
            _ => Err(no_such_overload()),
        },
    );
    let operators: [(&'static str, Run); 4] = [
        ("_<_", |arguments| ordered(arguments, Ordering::is_lt)),
        ("_<=_", |arguments| ordered(arguments, Ordering::is_le)),
        ("_>_", |arguments| ordered(arguments, Ordering::is_gt)),
        ("_>=_", |arguments| ordered(arguments, Ordering::is_ge)),
    ];
    for (index, (function, run)) in operators.into_iter().enumerate() {
        for (left, right, ids) in ORDERED {
            functions.global(function, ids[index], &[left, right], Type::Bool, run);
        }
    }
}

fn ordered<'v>(arguments: &[Value<'v>], holds: fn(Ordering) -> bool) -> Answer<'v> {
    let [left, right] = arguments else {
        return Err(no_such_overload());
    };
    if [left, right]
        .iter()
        .any(|value| matches!(value, Value::Double(number) if number.is_nan()))
    {
        return failed("NaN values cannot be ordered");
    }
    match compare(left, right) {
        Some(order) => Ok(Value::Bool(holds(order))),
        None => Err(no_such_overload()),
    }
}
