//! Lists: order, sums, places, slices.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{A, Answer, Functions, Run, failed, list_of, no_such_overload};
use crate::error::EvaluationError;
use crate::types::Type;
use crate::value::{List, Value, compare, equal};

/// What `sort` can order, and the names its overloads have for it.
const SORTED: [(Type, &str, &str); 8] = [
    (Type::Int, "list_int_sort", "list_int_sortByAssociatedKeys"),
    (Type::Uint, "list_uint_sort", "list_uint_sortByAssociatedKeys"),
    (
        Type::Double,
        "list_double_sort",
        "list_double_sortByAssociatedKeys",
    ),
    (Type::Bool, "list_bool_sort", "list_bool_sortByAssociatedKeys"),
    (
        Type::Duration,
        "list_duration_sort",
        "list_duration_sortByAssociatedKeys",
    ),
    (
        Type::Timestamp,
        "list_timestamp_sort",
        "list_timestamp_sortByAssociatedKeys",
    ),
    (
        Type::String,
        "list_string_sort",
        "list_string_sortByAssociatedKeys",
    ),
    (Type::Bytes, "list_bytes_sort", "list_bytes_sortByAssociatedKeys"),
];

/// What `isSorted`, `min` and `max` can order.
const ORDERED: [(Type, [&str; 3]); 8] = [
    (
        Type::Int,
        ["list_int_is_sorted_bool", "list_int_min_int", "list_int_max_int"],
    ),
    (
        Type::Uint,
        [
            "list_uint_is_sorted_bool",
            "list_uint_min_uint",
            "list_uint_max_uint",
        ],
    ),
    (
        Type::Double,
        [
            "list_double_is_sorted_bool",
            "list_double_min_double",
            "list_double_max_double",
        ],
    ),
    (
        Type::Bool,
        [
            "list_bool_is_sorted_bool",
            "list_bool_min_bool",
            "list_bool_max_bool",
        ],
    ),
    (
        Type::Duration,
        [
            "list_duration_is_sorted_bool",
            "list_duration_min_duration",
            "list_duration_max_duration",
        ],
    ),
    (
        Type::Timestamp,
        [
            "list_timestamp_is_sorted_bool",
            "list_timestamp_min_timestamp",
            "list_timestamp_max_timestamp",
        ],
    ),
    (
        Type::String,
        [
            "list_string_is_sorted_bool",
            "list_string_min_string",
            "list_string_max_string",
        ],
    ),
    (
        Type::Bytes,
        [
            "list_bytes_is_sorted_bool",
            "list_bytes_min_bytes",
            "list_bytes_max_bytes",
        ],
    ),
];

pub(super) fn declare(functions: &mut Functions) {
    for (of, [sorted, min, max]) in ORDERED {
        let list = list_of(of.clone());
        functions.member(
            "isSorted",
            sorted,
            std::slice::from_ref(&list),
            Type::Bool,
            is_sorted,
        );
        functions.member("min", min, std::slice::from_ref(&list), of.clone(), |a| {
            extreme(a, Ordering::Less, "min")
        });
        functions.member("max", max, &[list], of, |a| extreme(a, Ordering::Greater, "max"));
    }
    // What the sum of nothing is depends on the type, which an empty list does not show.
    let sums: [(Type, &'static str, Run); 4] = [
        (Type::Int, "list_int_sum_int", |a| sum(a, Value::Int(0))),
        (Type::Uint, "list_uint_sum_uint", |a| sum(a, Value::Uint(0))),
        (Type::Double, "list_double_sum_double", |a| {
            sum(a, Value::Double(0.0))
        }),
        (Type::Duration, "list_duration_sum_duration", |a| {
            sum(a, Value::Duration(meta::Duration::from_nanos(0)))
        }),
    ];
    for (of, id, run) in sums {
        functions.member("sum", id, &[list_of(of.clone())], of, run);
    }
    functions.member(
        "indexOf",
        "list_a_index_of_int",
        &[list_of(A), A],
        Type::Int,
        |a| position(a, false),
    );
    functions.member(
        "lastIndexOf",
        "list_a_last_index_of_int",
        &[list_of(A), A],
        Type::Int,
        |a| position(a, true),
    );
    declare_extended(functions);
}

fn declare_extended(functions: &mut Functions) {
    let list = list_of(A);
    functions.member(
        "slice",
        "list_slice",
        &[list.clone(), Type::Int, Type::Int],
        list.clone(),
        slice,
    );
    functions.member(
        "flatten",
        "list_flatten",
        &[list_of(list.clone())],
        list.clone(),
        flatten,
    );
    functions.member(
        "flatten",
        "list_flatten_int",
        &[list_of(Type::Dyn), Type::Int],
        list_of(Type::Dyn),
        flatten,
    );
    functions.global(
        "lists.range",
        "lists_range",
        &[Type::Int],
        list_of(Type::Int),
        range,
    );
    functions.member(
        "reverse",
        "list_reverse",
        std::slice::from_ref(&list),
        list.clone(),
        |a| match a {
            [Value::List(list)] => {
                let mut elements: Vec<_> = list.iter().collect();
                elements.reverse();
                Ok(Value::list(elements))
            }
            _ => Err(no_such_overload()),
        },
    );
    functions.member(
        "distinct",
        "list_distinct",
        std::slice::from_ref(&list),
        list.clone(),
        distinct,
    );
    for (of, sort, by_keys) in SORTED {
        let ordered = list_of(of);
        functions.member(
            "sort",
            sort,
            std::slice::from_ref(&ordered),
            ordered.clone(),
            |a| match a {
                [Value::List(list)] => sort_by(list, list),
                _ => Err(no_such_overload()),
            },
        );
        functions.member(
            "@sortByAssociatedKeys",
            by_keys,
            &[list.clone(), ordered],
            list.clone(),
            |a| match a {
                [Value::List(list), Value::List(keys)] => sort_by(list, keys),
                _ => Err(no_such_overload()),
            },
        );
    }
}

fn is_sorted<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::List(list)] = arguments else {
        return Err(no_such_overload());
    };
    for (left, right) in list.iter().zip(list.iter().skip(1)) {
        match compare(&left, &right) {
            Some(Ordering::Greater) => return Ok(Value::Bool(false)),
            Some(_) => {}
            None => return Err(no_such_overload()),
        }
    }
    Ok(Value::Bool(true))
}

fn extreme<'v>(arguments: &[Value<'v>], wanted: Ordering, name: &str) -> Answer<'v> {
    let [Value::List(list)] = arguments else {
        return Err(no_such_overload());
    };
    let mut elements = list.iter();
    let Some(mut best) = elements.next() else {
        return failed(format!("{name} called on empty list"));
    };
    for element in elements {
        match compare(&element, &best) {
            Some(order) if order == wanted => best = element,
            Some(_) => {}
            None => return Err(no_such_overload()),
        }
    }
    Ok(best)
}

fn sum<'v>(arguments: &[Value<'v>], nothing: Value<'v>) -> Answer<'v> {
    let [Value::List(list)] = arguments else {
        return Err(no_such_overload());
    };
    let mut total = nothing;
    for element in list.iter() {
        total = super::arithmetic::add(&[total, element])?;
    }
    Ok(total)
}

fn position<'v>(arguments: &[Value<'v>], last: bool) -> Answer<'v> {
    let [Value::List(list), wanted] = arguments else {
        return Err(no_such_overload());
    };
    let mut places =
        (0..list.len()).filter(|place| list.get(*place).is_some_and(|element| equal(&element, wanted)));
    let found = if last { places.next_back() } else { places.next() };
    Ok(Value::Int(found.map_or(-1, |place| place as i64)))
}

fn slice<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::List(list), Value::Int(from), Value::Int(to)] = arguments else {
        return Err(no_such_overload());
    };
    let length = list.len();
    let problem = if *from < 0 || *to < 0 {
        "negative indexes not supported".to_owned()
    } else if from > to {
        "start index must be less than or equal to end index".to_owned()
    } else if *to as usize > length {
        format!("list is length {length}")
    } else {
        let elements = list.iter().take(*to as usize).skip(*from as usize);
        return Ok(Value::list(elements.collect()));
    };
    failed(format!("cannot slice({from}, {to}), {problem}"))
}

fn flatten<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (list, depth) = match arguments {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(depth)] => (list, *depth),
        _ => return Err(no_such_overload()),
    };
    if depth < 0 {
        return failed("level must be non-negative");
    }
    let mut elements = Vec::new();
    flatten_into(list, depth, &mut elements);
    Ok(Value::list(elements))
}

fn flatten_into<'v>(list: &List<'v>, depth: i64, elements: &mut Vec<Value<'v>>) {
    for element in list.iter() {
        match element {
            Value::List(inner) if depth > 0 => flatten_into(&inner, depth - 1, elements),
            other => elements.push(other),
        }
    }
}

/// The longest list that `lists.range` makes: more cost more than any evaluation may.
const LONGEST_RANGE: i64 = 1_000_000;

fn range<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(count)] if *count > LONGEST_RANGE => Err(EvaluationError::CostLimit),
        [Value::Int(count)] => Ok(Value::list((0..*count).map(Value::Int).collect())),
        _ => Err(no_such_overload()),
    }
}

fn distinct<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::List(list)] = arguments else {
        return Err(no_such_overload());
    };
    let mut elements: Vec<Value<'v>> = Vec::new();
    for element in list.iter() {
        if !elements.iter().any(|known| equal(known, &element)) {
            elements.push(element);
        }
    }
    Ok(Value::list(elements))
}

/// A list in the order of its keys; equal ones stay as they are.
fn sort_by<'v>(list: &List<'v>, keys: &List<'v>) -> Answer<'v> {
    if list.len() != keys.len() {
        return failed(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} elements respectively",
            list.len(),
            keys.len()
        ));
    }
    let mut pairs: Vec<(Value<'v>, Value<'v>)> = keys.iter().zip(list.iter()).collect();
    let first = pairs.first().map(|(key, _)| key.clone());
    for (key, _) in &pairs {
        if first
            .as_ref()
            .is_some_and(|first| first.runtime_type() != key.runtime_type())
        {
            return failed("list elements must have the same type");
        }
        if compare(key, key).is_none() {
            return Err(EvaluationError::failed("list elements must be comparable"));
        }
    }
    pairs.sort_by(|(left, _), (right, _)| compare(left, right).unwrap_or(Ordering::Equal));
    Ok(Value::List(List::Made(Rc::new(
        pairs.into_iter().map(|(_, element)| element).collect(),
    ))))
}
