//! The order of merged lists: what the patch says, and for the rest what the list had.

use schema::SchemaRef;
use serde_json::{Map, Value};

use super::directive::{ORDER_PREFIX, PATCH, order_key};
use super::error::StrategicError;
use super::field_of;
use super::list::ListPatch;

/// Merges and orders the lists that have a `$setElementOrder`, and takes them out of the patch.
pub(super) fn merge_ordered_lists(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: SchemaRef<'_>,
) -> Result<(), StrategicError> {
    let directives: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(ORDER_PREFIX))
        .cloned()
        .collect();
    for directive in directives {
        let Some(field) = order_key(&directive)? else {
            continue;
        };
        let order = list_of(patch.remove(&directive))?.unwrap_or_default();
        let server = original.get(field).cloned();
        let (live, changes) = (list_of(server)?, list_of(patch.remove(field))?);
        let how = ListPatch::of_field(field_of(schema, field)?);
        let merged = merge_one(how, live, changes, &order)?;
        if let Some(merged) = merged {
            original.insert(field.to_owned(), merged.into());
        }
    }
    Ok(())
}

/// None if there is no list at all.
fn merge_one(
    how: ListPatch<'_>,
    live: Option<Vec<Value>>,
    changes: Option<Vec<Value>>,
    order: &[Value],
) -> Result<Option<Vec<Value>>, StrategicError> {
    if let Some(changes) = &changes {
        check_order(changes, order, how.key())?;
    }
    let is_empty = |list: &Option<Vec<Value>>| list.as_ref().is_none_or(Vec::is_empty);
    if (live.is_some() || changes.is_some()) && is_empty(&live) && is_empty(&changes) {
        return Err(StrategicError::NoElements);
    }
    let (merged, live) = match (live, changes) {
        (None, None) => return Ok(None),
        (Some(live), None) => (live.clone(), live),
        (None, Some(changes)) => {
            let changes: Vec<Value> = changes
                .into_iter()
                .filter(|item| item.get(PATCH).is_none())
                .collect();
            (changes, Vec::new())
        }
        (Some(live), Some(changes)) => {
            let mut merged = live.clone();
            how.merge(&mut merged, changes)?;
            (merged, live)
        }
    };
    arrange(merged, order, &live, how.key()).map(Some)
}

fn list_of(value: Option<Value>) -> Result<Option<Vec<Value>>, StrategicError> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(StrategicError::not_list(&other)),
    }
}

/// The items of a patch must stand in the order that the patch sets; those that only carry a directive are exempt.
fn check_order(items: &[Value], order: &[Value], key: &str) -> Result<(), StrategicError> {
    if items.is_empty() || order.is_empty() {
        return Ok(());
    }
    let directive = |item: &Value| item.get(PATCH).cloned().filter(|_| !key.is_empty());
    let mut expected = items
        .iter()
        .filter(|item| directive(item).is_none_or(|directive| directive != "delete"))
        .peekable();
    for place in order {
        while expected.next_if(|item| directive(item).is_some()).is_some() {}
        let Some(item) = expected.peek() else {
            return Ok(());
        };
        if let Some(object) = item
            .as_object()
            .filter(|object| !key.is_empty() && !object.contains_key(key))
        {
            return Err(StrategicError::no_merge_key(object, key));
        }
        expected.next_if(|item| is_same(place, item, key));
    }
    // Upstream looks no further once the order ends, not even for a directive.
    if expected.peek().is_none() {
        return Ok(());
    }
    Err(StrategicError::OrderMismatch {
        patch: super::printed(&items.to_vec().into()),
        order: super::printed(&order.to_vec().into()),
    })
}

/// Puts `items` in order: those that `order` names as it has them, the others as `live` had them. Where both meet, an
/// item of the second sort comes first only if `live` had it first.
pub(super) fn arrange(
    items: Vec<Value>,
    order: &[Value],
    live: &[Value],
    key: &str,
) -> Result<Vec<Value>, StrategicError> {
    let keyed = !key.is_empty() && items.iter().any(Value::is_object);
    let key = if keyed { key } else { "" };
    if keyed {
        check_keys(order, key)?;
    }
    let place = |list: &[Value], item: &Value| list.iter().position(|other| is_same(other, item, key));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        items.into_iter().partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    others = in_live_order(others, |item| place(live, item));

    let mut arranged = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return Ok(arranged),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(named)) => matches!(
                (place(live, other), place(live, named)),
                (Some(other), Some(named)) if other < named
            ),
        };
        arranged.extend(if other_first { others.next() } else { named.next() });
    }
}

/// Orders items as the live list has them. An item that it lacks goes before the one it followed, as upstream's sort has
/// it; a long list keeps such items at its end.
fn in_live_order(items: Vec<Value>, place: impl Fn(&Value) -> Option<usize>) -> Vec<Value> {
    const LONG: usize = 20;

    let mut placed: Vec<(Option<usize>, Value)> =
        items.into_iter().map(|item| (place(&item), item)).collect();
    if placed.len() > LONG || placed.iter().all(|(place, _)| place.is_some()) {
        placed.sort_by_key(|(place, _)| place.unwrap_or(usize::MAX));
    } else {
        for end in 1..placed.len() {
            let precedes = |a: Option<usize>, b: Option<usize>| a.zip(b).is_none_or(|(a, b)| a < b);
            let mut at = end;
            while at > 0 && precedes(placed[at].0, placed[at - 1].0) {
                placed.swap(at, at - 1);
                at -= 1;
            }
        }
    }
    placed.into_iter().map(|(_, item)| item).collect()
}

/// Every item of an order of objects must have the key.
fn check_keys(order: &[Value], key: &str) -> Result<(), StrategicError> {
    for (i, item) in order.iter().enumerate() {
        let object = item.as_object().ok_or(StrategicError::NotObject(i))?;
        if !object.contains_key(key) && !object.contains_key(PATCH) {
            return Err(StrategicError::no_merge_key(object, key));
        }
    }
    Ok(())
}

/// Whether two items are one: by their key, or as a whole where there is none.
fn is_same(a: &Value, b: &Value, key: &str) -> bool {
    if key.is_empty() {
        return a == b;
    }
    match (a.get(key), b.get(key)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}
