//! `+ - * / %`, the minus sign, and `!`.

use std::rc::Rc;

use meta::Duration;

use super::{A, Answer, Functions, Run, failed, list_of, no_such_overload};
use crate::types::{ListKind, Type};
use crate::value::{List, Moment, Value, contains, same_keys};

pub(super) fn declare(functions: &mut Functions) {
    use Type::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let mut operator = |function, run: Run, overloads: &[(&'static str, Type, Type, Type)]| {
        for (id, left, right, result) in overloads {
            functions.global(function, id, &[left.clone(), right.clone()], result.clone(), run);
        }
    };
    operator(
        "_+_",
        add,
        &[
            ("add_bytes", Bytes, Bytes, Bytes),
            ("add_double", Double, Double, Double),
            ("add_duration_duration", Duration, Duration, Duration),
            ("add_duration_timestamp", Duration, Timestamp, Timestamp),
            ("add_timestamp_duration", Timestamp, Duration, Timestamp),
            ("add_int64", Int, Int, Int),
            ("add_list", list_of(A), list_of(A), list_of(A)),
            ("add_string", String, String, String),
            ("add_uint64", Uint, Uint, Uint),
        ],
    );
    operator(
        "_-_",
        subtract,
        &[
            ("subtract_double", Double, Double, Double),
            ("subtract_duration_duration", Duration, Duration, Duration),
            ("subtract_int64", Int, Int, Int),
            ("subtract_timestamp_duration", Timestamp, Duration, Timestamp),
            ("subtract_timestamp_timestamp", Timestamp, Timestamp, Duration),
            ("subtract_uint64", Uint, Uint, Uint),
        ],
    );
    operator(
        "_*_",
        multiply,
        &[
            ("multiply_double", Double, Double, Double),
            ("multiply_int64", Int, Int, Int),
            ("multiply_uint64", Uint, Uint, Uint),
        ],
    );
    operator(
        "_/_",
        divide,
        &[
            ("divide_double", Double, Double, Double),
            ("divide_int64", Int, Int, Int),
            ("divide_uint64", Uint, Uint, Uint),
        ],
    );
    operator(
        "_%_",
        remainder,
        &[
            ("modulo_int64", Int, Int, Int),
            ("modulo_uint64", Uint, Uint, Uint),
        ],
    );
    functions.global("-_", "negate_double", &[Double], Double, negate);
    functions.global("-_", "negate_int64", &[Int], Int, negate);
    functions.global("!_", "logical_not", &[Bool], Bool, |arguments| match arguments {
        [Value::Bool(truth)] => Ok(Value::Bool(!truth)),
        _ => Err(no_such_overload()),
    });
}

fn int<'v>(number: Option<i64>) -> Answer<'v> {
    number.map_or_else(|| failed("integer overflow"), |number| Ok(Value::Int(number)))
}

fn uint<'v>(number: Option<u64>) -> Answer<'v> {
    number.map_or_else(
        || failed("unsigned integer overflow"),
        |number| Ok(Value::Uint(number)),
    )
}

fn duration<'v>(nanos: Option<i64>) -> Answer<'v> {
    nanos.map_or_else(
        || failed("integer overflow"),
        |nanos| Ok(Value::Duration(Duration::from_nanos(nanos))),
    )
}

/// A time that lies in the years 1 to 9999.
fn moved<'v>(time: Moment, by: Option<i64>) -> Answer<'v> {
    match by.and_then(|nanos| time.checked_add(nanos)) {
        Some(time) => Ok(Value::Timestamp(time)),
        None => failed("timestamp overflow"),
    }
}

/// The sum, or for texts, bytes and lists, one after the other.
pub(super) fn add<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => int(left.checked_add(*right)),
        [Value::Uint(left), Value::Uint(right)] => uint(left.checked_add(*right)),
        [Value::Double(left), Value::Double(right)] => Ok(Value::Double(left + right)),
        [Value::String(left), Value::String(right)] => Ok(Value::text([&**left, &**right].concat())),
        [Value::Bytes(left), Value::Bytes(right)] => Ok(Value::Bytes([&**left, &**right].concat().into())),
        [Value::Duration(left), Value::Duration(right)] => {
            duration(left.as_nanos().checked_add(right.as_nanos()))
        }
        [Value::Duration(span), Value::Timestamp(time)] | [Value::Timestamp(time), Value::Duration(span)] => {
            moved(*time, Some(span.as_nanos()))
        }
        [Value::List(left), Value::List(right)] => Ok(Value::List(joined(left, right))),
        _ => Err(no_such_overload()),
    }
}

fn joined<'v>(left: &List<'v>, right: &List<'v>) -> List<'v> {
    let mut elements: Vec<Value<'v>> = left.iter().collect();
    match left.kind() {
        ListKind::Atomic => {
            elements.extend(right.iter());
            return List::Made(Rc::new(elements));
        }
        ListKind::Set => elements.extend(right.iter().filter(|element| !contains(left, element))),
        ListKind::Map(keys) => {
            let count = elements.len();
            for element in right.iter() {
                match elements[..count]
                    .iter()
                    .position(|old| same_keys(keys, old, &element))
                {
                    Some(place) => elements[place] = element,
                    None => elements.push(element),
                }
            }
        }
    }
    match left.declared() {
        Some(declared) => List::Declared(Rc::new(elements), declared),
        None => List::Made(Rc::new(elements)),
    }
}

/// Joins lists that macros gather in, without copying what is there.
pub(crate) fn append<'v>(list: List<'v>, more: &List<'v>) -> List<'v> {
    match list {
        List::Made(mut elements) => {
            Rc::make_mut(&mut elements).extend(more.iter());
            List::Made(elements)
        }
        list => joined(&list, more),
    }
}

fn subtract<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => int(left.checked_sub(*right)),
        [Value::Uint(left), Value::Uint(right)] => uint(left.checked_sub(*right)),
        [Value::Double(left), Value::Double(right)] => Ok(Value::Double(left - right)),
        [Value::Duration(left), Value::Duration(right)] => {
            duration(left.as_nanos().checked_sub(right.as_nanos()))
        }
        [Value::Timestamp(time), Value::Duration(span)] => moved(*time, span.as_nanos().checked_neg()),
        [Value::Timestamp(left), Value::Timestamp(right)] => duration(left.since(*right)),
        _ => Err(no_such_overload()),
    }
}

fn multiply<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => int(left.checked_mul(*right)),
        [Value::Uint(left), Value::Uint(right)] => uint(left.checked_mul(*right)),
        [Value::Double(left), Value::Double(right)] => Ok(Value::Double(left * right)),
        _ => Err(no_such_overload()),
    }
}

fn divide<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => failed("division by zero"),
        [Value::Int(left), Value::Int(right)] => int(left.checked_div(*right)),
        [Value::Uint(left), Value::Uint(right)] => uint(left.checked_div(*right)),
        [Value::Double(left), Value::Double(right)] => Ok(Value::Double(left / right)),
        _ => Err(no_such_overload()),
    }
}

fn remainder<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => failed("modulus by zero"),
        [Value::Int(left), Value::Int(right)] => int(left.checked_rem(*right)),
        [Value::Uint(left), Value::Uint(right)] => uint(left.checked_rem(*right)),
        _ => Err(no_such_overload()),
    }
}

fn negate<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(number)] => int(number.checked_neg()),
        [Value::Double(number)] => Ok(Value::Double(-number)),
        _ => Err(no_such_overload()),
    }
}
