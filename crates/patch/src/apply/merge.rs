//! Merging a configuration into an object.

use std::collections::BTreeMap;

use schema::SchemaRef;
use serde_json::{Map, Value};

use crate::fields::{Element, Form, is_empty};

/// The object with what the configuration says put in.
pub(super) fn merge(live: &Value, config: &Value, schema: SchemaRef<'_>) -> Value {
    if is_empty(live) && is_empty(config) {
        return config.clone();
    }
    match Form::of(schema) {
        Form::Whole => config.clone(),
        Form::Fields(schema) => merge_fields(live, config, |name| schema.field(name)).into(),
        Form::Map(schema) => merge_fields(live, config, |_| Some(schema)).into(),
        Form::Free(schema) if live.is_object() && config.is_object() => {
            merge_fields(live, config, |name| schema.field(name)).into()
        }
        Form::Free(_) => config.clone(),
        form @ (Form::Set(schema) | Form::Keyed(_, schema)) => {
            merge_items(items(live), items(config), form, schema).into()
        }
    }
}

fn merge_fields<'a>(
    live: &Value,
    config: &Value,
    schema_of: impl Fn(&str) -> Option<SchemaRef<'a>>,
) -> Map<String, Value> {
    let mut merged = live.as_object().cloned().unwrap_or_default();
    for (name, wanted) in config.as_object().into_iter().flatten() {
        let outcome = match (merged.get(name), schema_of(name)) {
            (Some(live), Some(schema)) => merge(live, wanted, schema),
            _ => wanted.clone(),
        };
        merged.insert(name.clone(), outcome);
    }
    merged
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Items of the configuration come in its order. Items that only the object has keep their place before the shared ones
/// they stood before; new items of the configuration come right before the shared item they are followed by.
fn merge_items(live: &[Value], config: &[Value], form: Form<'_>, schema: SchemaRef<'_>) -> Vec<Value> {
    let identify = |items: &[Value]| -> Vec<Option<Element>> {
        items
            .iter()
            .map(|item| form.element_of(item).ok().flatten())
            .collect()
    };
    let (live_ids, config_ids) = (identify(live), identify(config));
    let live_by_id = by_id(live, &live_ids);
    let is_in_config = |id: &Option<Element>| id.is_some() && config_ids.contains(id);

    let mut wanted = config.iter().zip(&config_ids).map(|(item, id)| {
        let found = id.as_ref().and_then(|id| live_by_id.get(id));
        // Of duplicates nobody knows which one is meant: they give way.
        let merged = match found {
            Some(Some(live)) => merge(live, item, schema),
            _ => item.clone(),
        };
        (id, merged)
    });
    let mut shared = config_ids
        .iter()
        .filter(|id| id.as_ref().is_some_and(|id| live_by_id.contains_key(id)));

    let mut merged = Vec::with_capacity(live.len().max(config.len()));
    let mut next_shared = shared.next();
    for (item, id) in live.iter().zip(&live_ids) {
        if !is_in_config(id) {
            merged.push(item.clone());
        } else if next_shared == Some(id) {
            for (wanted_id, item) in wanted.by_ref() {
                merged.push(item);
                if wanted_id == id {
                    break;
                }
            }
            next_shared = shared.next();
        }
    }
    merged.extend(wanted.map(|(_, item)| item));
    merged
}

/// Items by what tells them apart; none for duplicates.
fn by_id<'a>(items: &'a [Value], ids: &'a [Option<Element>]) -> BTreeMap<&'a Element, Option<&'a Value>> {
    let mut by_id = BTreeMap::new();
    for (item, id) in items.iter().zip(ids) {
        if let Some(id) = id {
            by_id
                .entry(id)
                .and_modify(|found| *found = None)
                .or_insert(Some(item));
        }
    }
    by_id
}
