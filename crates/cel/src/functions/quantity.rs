//! Quantities.

use meta::Quantity;
use meta::quantity::Format;

use super::opaque::{Opaque, types::QUANTITY};
use super::{Answer, Functions, Run, failed, no_such_overload};
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    functions.global(
        "quantity",
        "string_to_quantity",
        &[Type::String],
        QUANTITY,
        |a| match a {
            [Value::String(text)] => match Quantity::parse(text) {
                Ok(quantity) => Ok(made(quantity)),
                Err(error) => failed(error.to_string()),
            },
            _ => Err(no_such_overload()),
        },
    );
    functions.global(
        "isQuantity",
        "is_quantity_string",
        &[Type::String],
        Type::Bool,
        |a| match a {
            [Value::String(text)] => Ok(Value::Bool(Quantity::parse(text).is_ok())),
            _ => Err(no_such_overload()),
        },
    );
    let one: [(&'static str, &'static str, Type, Run); 4] = [
        ("sign", "quantity_sign", Type::Int, |a| {
            of_one(a, |q| Ok(Value::Int(i64::from(q.sign()))))
        }),
        ("asApproximateFloat", "quantity_get_float", Type::Double, |a| {
            of_one(a, |q| Ok(Value::Double(q.as_f64())))
        }),
        ("asInteger", "quantity_get_int", Type::Int, |a| {
            of_one(a, |q| {
                whole(q).map_or_else(
                    || failed("cannot convert value to integer"),
                    |n| Ok(Value::Int(n)),
                )
            })
        }),
        ("isInteger", "quantity_is_integer", Type::Bool, |a| {
            of_one(a, |q| Ok(Value::Bool(whole(q).is_some())))
        }),
    ];
    for (function, id, result, run) in one {
        // The sign alone is no function of the quantity but one that takes it.
        if function == "sign" {
            functions.global(function, id, &[QUANTITY], result, run);
        } else {
            functions.member(function, id, &[QUANTITY], result, run);
        }
    }
    let two: [(&'static str, &'static str, Type, Run); 5] = [
        ("isGreaterThan", "quantity_is_greater_than", Type::Bool, |a| {
            of_two(a, |l, r| Value::Bool(l > r))
        }),
        ("isLessThan", "quantity_is_less_than", Type::Bool, |a| {
            of_two(a, |l, r| Value::Bool(l < r))
        }),
        ("compareTo", "quantity_compare_to", Type::Int, |a| {
            of_two(a, |l, r| Value::Int(l.cmp(&r) as i64))
        }),
        ("add", "quantity_add", QUANTITY, |a| of_two(a, |l, r| made(l + r))),
        ("sub", "quantity_sub", QUANTITY, |a| of_two(a, |l, r| made(l - r))),
    ];
    for (function, id, result, run) in two {
        functions.member(function, id, &[QUANTITY, QUANTITY], result, run);
    }
    functions.member("add", "quantity_add_int", &[QUANTITY, Type::Int], QUANTITY, |a| {
        with_int(a, |l, r| made(l + r))
    });
    functions.member("sub", "quantity_sub_int", &[QUANTITY, Type::Int], QUANTITY, |a| {
        with_int(a, |l, r| made(l - r))
    });
}

fn made<'v>(quantity: Quantity) -> Value<'v> {
    Value::Opaque(Opaque::Quantity(quantity))
}

fn whole(quantity: Quantity) -> Option<i64> {
    let value = quantity.value();
    (quantity == Quantity::new(value, Format::DecimalSi)).then_some(value)
}

fn of_one<'v>(arguments: &[Value<'v>], run: fn(Quantity) -> Answer<'v>) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Quantity(quantity))] => run(*quantity),
        _ => Err(no_such_overload()),
    }
}

fn of_two<'v>(arguments: &[Value<'v>], run: fn(Quantity, Quantity) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [
            Value::Opaque(Opaque::Quantity(left)),
            Value::Opaque(Opaque::Quantity(right)),
        ] => Ok(run(*left, *right)),
        _ => Err(no_such_overload()),
    }
}

fn with_int<'v>(arguments: &[Value<'v>], run: fn(Quantity, Quantity) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Quantity(left)), Value::Int(right)] => {
            Ok(run(*left, Quantity::new(*right, Format::DecimalSi)))
        }
        _ => Err(no_such_overload()),
    }
}
