//! What upstream leaves of a strategic merge patch: merging takes directives out of it, and nulls that meet nothing. Messages show
//! the patch as it is then.

use schema::SchemaRef;
use serde_json::{Map, Value};

use super::directive::{DELETE_FROM_PREFIX, ORDER_PREFIX, PATCH, RETAIN_KEYS};
use super::field_of;
use super::list::ListPatch;

/// Takes from a patch what merging it into `original` took out of it.
pub(crate) fn leave(original: &Map<String, Value>, patch: &mut Map<String, Value>, schema: SchemaRef<'_>) {
    match patch.get(PATCH) {
        None => {}
        Some(directive) => {
            if directive == "replace" {
                patch.remove(PATCH);
            }
            return;
        }
    }
    let retained = patch.remove(RETAIN_KEYS);
    let is_there = |key: &str| match retained.as_ref().and_then(Value::as_array) {
        Some(retained) => retained.iter().any(|retained| retained == key),
        None => true,
    };
    let ordered: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(ORDER_PREFIX))
        .cloned()
        .collect();
    for directive in ordered {
        patch.remove(&directive);
        if let Some((_, field)) = directive.split_once('/') {
            patch.remove(field);
        }
    }
    for (key, value) in patch {
        if key.starts_with(DELETE_FROM_PREFIX) {
            continue;
        }
        let known = original.get(key).filter(|_| is_there(key));
        let field = field_of(schema, key).ok();
        match (known, value, field) {
            (Some(Value::Object(known)), Value::Object(value), Some(field)) => {
                if !field.patch_strategy().replace {
                    leave(known, value, field);
                }
            }
            (Some(Value::Array(known)), Value::Array(items), Some(field)) => {
                leave_items(known, items, field);
            }
            (Some(known), value, _)
                if super::go_text::type_name(known) == super::go_text::type_name(value) => {}
            (_, value, _) => drop_nulls(value),
        }
    }
}

/// The same of the items of a list that is merged item by item.
fn leave_items(known: &[Value], items: &mut [Value], field: SchemaRef<'_>) {
    let key = ListPatch::of_field(field).key();
    if !field.patch_strategy().merge || key.is_empty() {
        return;
    }
    let Some(element) = field.element() else {
        return;
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        if item.contains_key(PATCH) {
            continue;
        }
        let same = |known: &&Map<String, Value>| known.get(key).is_some() && known.get(key) == item.get(key);
        if let Some(known) = known.iter().filter_map(Value::as_object).find(same) {
            leave(known, item, element);
        }
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directives_and_nulls_are_gone() {
        let object = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "strategy": {"type": "RollingUpdate"},
            "template": {"spec": {"containers": [{"name": "c", "image": "i", "securityContext": {}}]}},
        }});
        for (patch, expected) in [
            (
                json!({"metadata": {"labels": {"$patch": "replace", "x": "y"}}}),
                json!({"metadata": {"labels": {"x": "y"}}}),
            ),
            (
                json!({"metadata": {"labels": {"$patch": "delete"}}}),
                json!({"metadata": {"labels": {"$patch": "delete"}}}),
            ),
            (
                json!({"spec": {"$retainKeys": ["strategy"], "strategy": {"type": null}}}),
                json!({"spec": {"strategy": {"type": null}}}),
            ),
            (
                json!({"metadata": {"annotations": {"a": null, "b": "c"}}}),
                json!({"metadata": {"annotations": {"b": "c"}}}),
            ),
            (
                json!({"metadata": {"labels": {"a": null}}}),
                json!({"metadata": {"labels": {"a": null}}}),
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "securityContext": {"$patch": "replace"}}, {"name": "d", "image": null}]}}}}),
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "securityContext": {}}, {"name": "d", "image": null}]}}}}),
            ),
            (
                json!({"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "c"}], "containers": [{"name": "c"}]}}}}),
                json!({"spec": {"template": {"spec": {}}}}),
            ),
        ] {
            let mut left = patch.as_object().cloned().expect("an object");
            let kind = meta::GroupVersionKind::new("apps", "v1", "Deployment");
            let schema = schema::builtin(&kind).expect("a built-in kind");
            leave(object.as_object().expect("an object"), &mut left, schema);
            assert_eq!(Value::Object(left), expected, "{patch}");
        }
    }
}
