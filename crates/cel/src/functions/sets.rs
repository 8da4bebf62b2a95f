//! Lists as sets.

use super::{A, Answer, Functions, Run, list_of, no_such_overload};
use crate::types::Type;
use crate::value::{List, Value, contains};

pub(super) fn declare(functions: &mut Functions) {
    let sets: [(&'static str, &'static str, Run); 3] = [
        ("sets.contains", "list_sets_contains_list", |a| {
            both(a, |left, right| holds(left, right))
        }),
        ("sets.equivalent", "list_sets_equivalent_list", |a| {
            both(a, |left, right| holds(left, right) && holds(right, left))
        }),
        ("sets.intersects", "list_sets_intersects_list", |a| {
            both(a, |left, right| {
                right.iter().any(|element| contains(left, &element))
            })
        }),
    ];
    for (function, id, run) in sets {
        functions.global(function, id, &[list_of(A), list_of(A)], Type::Bool, run);
    }
}

fn both<'v>(arguments: &[Value<'v>], test: fn(&List<'v>, &List<'v>) -> bool) -> Answer<'v> {
    match arguments {
        [Value::List(left), Value::List(right)] => Ok(Value::Bool(test(left, right))),
        _ => Err(no_such_overload()),
    }
}

fn holds<'v>(left: &List<'v>, right: &List<'v>) -> bool {
    right.iter().all(|element| contains(left, &element))
}
