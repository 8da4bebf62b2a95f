//! What an object loses by being stored as upstream stores it.

use serde_json::Value;

use crate::reference::{SchemaRef, Shape};

/// Writes null for empty lists in fields that are always written: once stored, an empty one is as good as none.
pub fn forget_empty_lists(object: &mut Value, schema: SchemaRef<'_>) {
    // They are rare, and cheap to look for.
    if has_empty_list(object) {
        forget_in(object, schema);
    }
}

fn has_empty_list(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty() || items.iter().any(has_empty_list),
        Value::Object(fields) => fields.values().any(has_empty_list),
        _ => false,
    }
}

fn forget_in(value: &mut Value, schema: SchemaRef<'_>) {
    match (schema.shape(), value) {
        (Shape::Object, Value::Object(fields)) => {
            for (name, value) in fields {
                let Some(field) = schema.field(name) else { continue };
                let is_empty = value.as_array().is_some_and(Vec::is_empty);
                if is_empty && field.shape() == Shape::List && field.absent() == Some(Value::Null) {
                    *value = Value::Null;
                } else {
                    forget_in(value, field);
                }
            }
        }
        (Shape::List, Value::Array(items)) => {
            if let Some(element) = schema.element() {
                items.iter_mut().for_each(|item| forget_in(item, element));
            }
        }
        (Shape::Map, Value::Object(entries)) => {
            if let Some(element) = schema.element() {
                entries.values_mut().for_each(|entry| forget_in(entry, element));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::GroupVersionKind;
    use serde_json::json;

    #[test]
    fn empty_lists_that_are_always_written_are_null() {
        let kind = GroupVersionKind::new("storage.k8s.io", "v1", "CSINode");
        let schema = crate::builtin(&kind).expect("a known kind");
        let mut node = json!({"spec": {"drivers": [{"name": "d", "topologyKeys": []}]}});
        forget_empty_lists(&mut node, schema);
        assert_eq!(
            node,
            json!({"spec": {"drivers": [{"name": "d", "topologyKeys": null}]}})
        );
        let mut node = json!({"metadata": {"finalizers": []}, "spec": {"drivers": []}});
        forget_empty_lists(&mut node, schema);
        assert_eq!(
            node,
            json!({"metadata": {"finalizers": []}, "spec": {"drivers": null}})
        );
    }

    #[test]
    fn free_json_stays_as_it_is() {
        let kind = GroupVersionKind::new("apps", "v1", "ControllerRevision");
        let schema = crate::builtin(&kind).expect("a known kind");
        let before = json!({"data": {"drivers": []}, "revision": 1});
        let mut after = before.clone();
        forget_empty_lists(&mut after, schema);
        assert_eq!(after, before);
    }
}
