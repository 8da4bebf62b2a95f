//! Merge patch (RFC 7396).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::Document;

/// Merges `patch` into the document: null takes a field away, an object is merged, anything else replaces. As upstream's
/// library has it, nulls go from objects that are items of a list as well.
pub(crate) fn apply(document: &mut Document, patch: Value) {
    let Value::Object(changes) = patch else {
        *document = Document::Whole(without_nulls(patch));
        return;
    };
    if document.as_object_mut().is_none() {
        *document = Document::Object(BTreeMap::new());
    }
    let Some(fields) = document.as_object_mut() else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            let field = fields.entry(name).or_insert(Document::Whole(Value::Null));
            apply(field, change);
        }
    }
}

/// The same for a patch as it was written, for messages: what it replaces is shown in the order of the alphabet, numbers as
/// they are.
pub(crate) fn apply_written(document: &mut Document, patch: &str) {
    let Some(changes) = Document::written_members(patch.as_bytes()) else {
        *document = apart(patch);
        return;
    };
    if document.as_object_mut().is_none() {
        *document = Document::Object(BTreeMap::new());
    }
    let Some(fields) = document.as_object_mut() else {
        return;
    };
    for (name, change) in changes {
        let change = change.as_written().unwrap_or("null");
        if change == "null" {
            fields.remove(&name);
        } else {
            let field = fields.entry(name).or_insert(Document::Whole(Value::Null));
            apply_written(field, change);
        }
    }
}

/// A text all taken apart, without its nulls.
fn apart(json: &str) -> Document {
    let below = |document: &mut Document| {
        if let Some(text) = document.as_written() {
            *document = apart(text);
        }
    };
    if let Some(mut fields) = Document::written_members(json.as_bytes()) {
        fields.retain(|_, field| field.as_written() != Some("null"));
        fields.values_mut().for_each(below);
        return Document::Object(fields);
    }
    if let Some(mut items) = Document::written_items(json.as_bytes()) {
        items.iter_mut().for_each(below);
        return Document::List(items);
    }
    Document::written(json.as_bytes()).unwrap_or(Document::Whole(Value::Null))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name, without_nulls(field)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| {
                if item.is_object() {
                    without_nulls(item)
                } else {
                    item
                }
            })
            .collect::<Vec<_>>()
            .into(),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        for (original, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
            // Not in the RFC.
            (
                json!({}),
                json!({"a": [{"b": null}, null]}),
                json!({"a": [{}, null]}),
            ),
            (
                json!({}),
                json!({"a": [[{"b": null}]]}),
                json!({"a": [[{"b": null}]]}),
            ),
        ] {
            let mut document = Document::Whole(original);
            apply(&mut document, patch.clone());
            assert_eq!(document.into_value(), result, "{patch}");
        }
    }
}
