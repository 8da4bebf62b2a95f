//! Lists whose items must differ (`x-kubernetes-list-type`).

use std::collections::BTreeMap;

use meta::{ErrorList, FieldError, Path};
use serde_json::{Map, Value};

use super::node::{Additional, Node};
use crate::reference::ListType;

/// Checks all lists of an object.
pub(super) fn validate(object: &Value, root: &Node) -> ErrorList {
    let mut errors = ErrorList::new();
    if object.is_object() {
        value(object, root, &Path::root(), &mut errors);
    }
    errors
}

fn value(given: &Value, node: &Node, path: &Path, errors: &mut ErrorList) {
    if !node.holds.lists {
        return;
    }
    match given {
        Value::Object(fields) => {
            for (name, field) in fields {
                let in_map = match &node.additional {
                    Some(Additional::Schema(below)) => Some(&**below),
                    _ => None,
                };
                if let Some(below) = in_map.filter(|below| below.holds.lists) {
                    value(field, below, &path.key(name), errors);
                }
                if let Some(below) = node.properties.get(name).filter(|below| below.holds.lists) {
                    value(field, below, &path.child(name), errors);
                }
            }
        }
        Value::Array(items) => {
            match node.list_type {
                Some(ListType::Set) => set(items, path, errors),
                Some(ListType::Map) => map(items, &node.list_map_keys, path, errors),
                Some(ListType::Atomic) | None => {}
            }
            if let Some(below) = &node.items {
                for (index, item) in items.iter().enumerate() {
                    value(item, below, &path.index(index), errors);
                }
            }
        }
        _ => {}
    }
}

fn set(items: &[Value], path: &Path, errors: &mut ErrorList) {
    let identities: Vec<String> = items.iter().map(Value::to_string).collect();
    for index in repeated(&identities) {
        errors.push(duplicate(&path.index(index), &items[index]));
    }
}

fn map(items: &[Value], keys: &[String], path: &Path, errors: &mut ErrorList) {
    let is_wrong = |item: &&Value| !item.is_null() && !item.is_object();
    if let Some((index, item)) = items.iter().enumerate().find(|(_, item)| is_wrong(item)) {
        let detail = "must be an object for an array of list-type map";
        return errors.push(FieldError::invalid(&path.index(index), item.clone(), detail));
    }
    let key_of = |item: &Value| {
        let given = keys
            .iter()
            .filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
        Value::Object(given.collect::<Map<_, _>>())
    };
    let values: Vec<Value> = items.iter().map(key_of).collect();
    let identities: Vec<String> = values.iter().map(Value::to_string).collect();
    for index in repeated(&identities) {
        errors.push(duplicate(&path.index(index), &values[index]));
    }
}

/// Where an item stands for the second time; later ones are not told.
fn repeated(identities: &[String]) -> Vec<usize> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let again = identities.iter().enumerate().filter(|(_, identity)| {
        let times = seen.entry(identity.as_str()).or_default();
        *times += 1;
        *times == 2
    });
    again.map(|(index, _)| index).collect()
}

fn duplicate(path: &Path, value: &Value) -> FieldError {
    FieldError::duplicate(path, value.clone())
}
