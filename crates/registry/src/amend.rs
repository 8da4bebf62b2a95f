//! Making one tree like another where most of it is so already.
//!
//! To clone a large object and to drop it again is hundreds of allocations. Who has a tree to spare that differs little, as
//! the state before, compares instead.

use serde_json::Value;

/// Makes `tree` equal to `wanted`, and leaves alone what is so already.
pub(crate) fn amend(tree: &mut Value, wanted: &Value) {
    match (tree, wanted) {
        (Value::String(text), Value::String(wanted)) if text == wanted => {}
        (Value::Array(items), Value::Array(wanted)) => {
            items.truncate(wanted.len());
            for (item, wanted) in items.iter_mut().zip(wanted) {
                amend(item, wanted);
            }
            items.extend(wanted.iter().skip(items.len()).cloned());
        }
        (Value::Object(fields), Value::Object(wanted)) => {
            if !fields.keys().eq(wanted.keys()) {
                fields.retain(|name, _| wanted.contains_key(name));
                for (name, field) in wanted {
                    fields.entry(name).or_insert_with(|| field.clone());
                }
            }
            for (field, wanted) in fields.values_mut().zip(wanted.values()) {
                amend(field, wanted);
            }
        }
        (tree, wanted) => *tree = wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_tree_becomes_any_other() {
        let trees = [
            json!(null),
            json!(true),
            json!(1),
            json!(1.0),
            json!("a"),
            json!("b"),
            json!([]),
            json!([1, "a", {"x": []}]),
            json!([1, "b", {"x": [2], "y": {}}, 4]),
            json!({}),
            json!({"a": {"b": 1, "c": [1, 2]}, "d": "e"}),
            json!({"a": {"b": 2, "x": [1]}, "d": "f"}),
            json!({"0": null, "a": [], "z": {"b": 1}}),
        ];
        for from in &trees {
            for to in &trees {
                let mut tree = from.clone();
                amend(&mut tree, to);
                assert_eq!(tree.to_string(), to.to_string(), "of {from}");
            }
        }
    }
}
