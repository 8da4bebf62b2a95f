//! Defaults, and nulls that stand where a default or nothing should.

use serde_json::Value;

use super::node::{Additional, Node};

/// Puts in the defaults of what is not given, or null where null may not be.
pub(super) fn default(value: &mut Value, node: &Node) {
    match value {
        Value::Object(fields) => {
            for (name, below) in &node.properties {
                let Some(default) = &below.default else { continue };
                if fields.get(name).is_none_or(|value| below.refuses(value)) {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(below) = node.properties.get(name) {
                    default(value, below);
                } else if let Some(Additional::Schema(below)) = &node.additional {
                    fill(value, below);
                }
            }
        }
        Value::Array(items) => {
            if let Some(below) = &node.items {
                items.iter_mut().for_each(|item| fill(item, below));
            }
        }
        _ => {}
    }
}

/// The same for an item or entry, which is there in any case.
fn fill(value: &mut Value, node: &Node) {
    if node.refuses(value) {
        *value = node.default.clone().unwrap_or(Value::Null);
    }
    default(value, node);
}

/// Takes away nulls where the schema allows none and has no default. Nulls in lists stay.
pub(super) fn drop_nulls(value: &mut Value, node: Option<&Node>) {
    match value {
        Value::Object(fields) => fields.retain(|name, value| {
            let below = node.and_then(|node| node.field(name));
            if below.is_some_and(|below| below.refuses(value) && below.default.is_none()) {
                return false;
            }
            drop_nulls(value, below);
            true
        }),
        Value::Array(items) => {
            let below = node.and_then(|node| node.items.as_deref());
            items.iter_mut().for_each(|item| drop_nulls(item, below));
        }
        _ => {}
    }
}
