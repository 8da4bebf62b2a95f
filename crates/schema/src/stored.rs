//! What an object loses by being written and read again, as upstream's servers do it.
//!
//! A decoded object holds empty lists and maps, because rules tell them from none. Where Go writes no field for them they are
//! gone with the first encoding, and in the store an empty list is as good as none everywhere.

use serde_json::Value;

use crate::reference::{SchemaRef, Shape};

/// Forgets what Go would leave out: empty lists and maps in fields that need not be written.
pub fn forget_unwritten(object: &mut Value, schema: SchemaRef<'_>) {
    forget_in(object, schema, Until::Written);
}

/// Forgets what the store would: the same, and writes null for empty lists and maps in fields that are always written.
pub fn forget_empty(object: &mut Value, schema: SchemaRef<'_>) {
    forget_in(object, schema, Until::Stored);
}

/// Structures of which often nothing is given. No map has such a name.
const OFTEN_EMPTY: [&str; 8] = [
    "resources",
    "securityContext",
    "status",
    "emptyDir",
    "metadata",
    "strategy",
    "updateStrategy",
    "loadBalancer",
];

/// Whether there may be something to forget: an empty list, or what looks like an empty map. They are rare, and cheap to look
/// for.
pub fn has_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty() || items.iter().any(has_empty),
        Value::Object(fields) => fields.iter().any(|(name, value)| match value {
            // Who owns what is told in empty objects.
            Value::Array(owners) if name == "managedFields" => owners.is_empty(),
            Value::Object(below) if below.is_empty() => !OFTEN_EMPTY.contains(&name.as_str()),
            value => has_empty(value),
        }),
        _ => false,
    }
}

/// Whether two values of that type mean the same: none, null, and an empty list or map are one.
pub fn means_same(a: Option<&Value>, b: Option<&Value>, schema: Option<SchemaRef<'_>>) -> bool {
    let field = |name: &str| schema.and_then(|schema| schema.field(name));
    let element = || schema.and_then(SchemaRef::element);
    match (
        a.filter(|a| !is_nothing(a, schema)),
        b.filter(|b| !is_nothing(b, schema)),
    ) {
        (None, None) => true,
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let is_map = schema.is_some_and(|schema| schema.shape() == Shape::Map);
            let of = |name: &str| if is_map { element() } else { field(name) };
            // Of maps the keys count too, whatever stands there.
            (!is_map || a.keys().eq(b.keys()))
                && a.iter()
                    .all(|(name, value)| means_same(Some(value), b.get(name), of(name)))
                && b.iter()
                    .all(|(name, value)| a.contains_key(name) || means_same(None, Some(value), of(name)))
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            let each = |(a, b)| means_same(Some(a), Some(b), element());
            a.len() == b.len() && a.iter().zip(b).all(each)
        }
        (a, b) => a == b,
    }
}

fn is_nothing(value: &Value, schema: Option<SchemaRef<'_>>) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => {
            entries.is_empty() && schema.is_some_and(|schema| schema.shape() == Shape::Map)
        }
        _ => false,
    }
}

/// How far an object has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Written,
    Stored,
}

fn forget_in(value: &mut Value, schema: SchemaRef<'_>, until: Until) {
    match (schema.shape(), value) {
        (Shape::Object, Value::Object(fields)) => fields.retain(|name, value| {
            let Some(field) = schema.field(name) else {
                return true;
            };
            if field.leaves_out(value) {
                return false;
            }
            if until == Until::Stored && field.absent() == Some(Value::Null) && is_nothing(value, Some(field))
            {
                *value = Value::Null;
            }
            forget_in(value, field, until);
            true
        }),
        (Shape::List, Value::Array(items)) => {
            if let Some(element) = schema.element() {
                items.iter_mut().for_each(|item| forget_in(item, element, until));
            }
        }
        (Shape::Map, Value::Object(entries)) => {
            if let Some(element) = schema.element() {
                entries
                    .values_mut()
                    .for_each(|entry| forget_in(entry, element, until));
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

    fn schema(group: &'static str, kind: &'static str) -> SchemaRef<'static> {
        crate::builtin(&GroupVersionKind::new(group, "v1", kind)).expect("a known kind")
    }

    #[test]
    fn the_store_knows_no_empty_lists() {
        for (given, written, stored) in [
            (
                json!({"spec": {"drivers": [{"name": "d", "topologyKeys": []}]}}),
                json!({"spec": {"drivers": [{"name": "d", "topologyKeys": []}]}}),
                json!({"spec": {"drivers": [{"name": "d", "topologyKeys": null}]}}),
            ),
            (
                json!({"metadata": {"finalizers": [], "labels": {}}, "spec": {"drivers": []}}),
                json!({"metadata": {}, "spec": {"drivers": []}}),
                json!({"metadata": {}, "spec": {"drivers": null}}),
            ),
        ] {
            let mut node = given.clone();
            forget_unwritten(&mut node, schema("storage.k8s.io", "CSINode"));
            assert_eq!(node, written);
            let mut node = given;
            forget_empty(&mut node, schema("storage.k8s.io", "CSINode"));
            assert_eq!(node, stored);
        }
    }

    #[test]
    fn what_may_be_forgotten_is_noticed() {
        for (object, expected) in [
            (json!({"metadata": {"labels": {}}}), true),
            (json!({"spec": {"volumes": [{"items": []}]}}), true),
            (json!({"metadata": {"managedFields": []}}), true),
            (
                json!({"metadata": {"managedFields": [{"fieldsV1": {"f:a": {}}}]}, "status": {}}),
                false,
            ),
            (json!({"spec": {"securityContext": {}, "nodeName": ""}}), false),
        ] {
            assert_eq!(has_empty(&object), expected, "{object}");
        }
    }

    #[test]
    fn free_json_and_structures_stay_as_they_are() {
        for (kind, before) in [
            (
                schema("apps", "ControllerRevision"),
                json!({"data": {"drivers": [], "a": {}}, "revision": 1}),
            ),
            (
                schema("", "Pod"),
                json!({"spec": {"securityContext": {}, "volumes": [{"emptyDir": {}}]}}),
            ),
        ] {
            let mut after = before.clone();
            forget_empty(&mut after, kind);
            assert_eq!(after, before);
        }
    }

    #[test]
    fn nothing_and_empty_mean_the_same() {
        let pod = schema("", "Pod").field("spec");
        for (a, b, expected) in [
            (json!({"volumes": []}), json!({}), true),
            (json!({"volumes": null}), json!({}), true),
            (json!({}), json!({"volumes": null}), true),
            (json!({"nodeSelector": {}}), json!({}), true),
            (json!({"nodeSelector": {"a": ""}}), json!({}), false),
            (
                json!({"nodeSelector": {"a": ""}}),
                json!({"nodeSelector": {"b": ""}}),
                false,
            ),
            (json!({"securityContext": {}}), json!({}), false),
            (
                json!({"volumes": [{"csi": {"volumeAttributes": {}}}]}),
                json!({"volumes": [{"csi": {}}]}),
                true,
            ),
            (json!({"volumes": [1]}), json!({"volumes": [1, 2]}), false),
            (json!(1), json!(2), false),
        ] {
            assert_eq!(means_same(Some(&a), Some(&b), pod), expected, "{a} {b}");
        }
    }
}
