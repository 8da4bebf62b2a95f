//! What holds of every patch: laws, tried on random documents.

use meta::GroupVersionKind;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::json::Operation;
use crate::{json as json_patch, merge, strategic};

/// Objects, lists and scalars, but no null: it means something else in a merge patch.
fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        "[x-z~/]{0,2}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            any_members(inner).prop_map(Value::from),
        ]
    })
}

fn any_members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let members = prop::collection::btree_map("[a-d~/]{1,2}", value, 0..4);
    members.prop_map(|members| members.into_iter().collect())
}

fn any_object() -> impl Strategy<Value = Value> {
    any_members(any_value()).prop_map(Value::from)
}

/// The merge patch that turns one value into another.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let mut patch = Map::new();
    for (name, value) in to {
        match from.get(name) {
            Some(was) if was == value => {}
            Some(was) => _ = patch.insert(name.clone(), difference(was, value)),
            None => _ = patch.insert(name.clone(), value.clone()),
        }
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    patch.into()
}

fn merged(document: &Value, patch: &Value) -> Value {
    let mut document = Document::Whole(document.clone());
    merge::apply(&mut document, patch.clone());
    document.into_value()
}

proptest! {
    #[test]
    fn a_difference_merges_into_what_it_leads_to(from in any_object(), to in any_object()) {
        prop_assert_eq!(merged(&from, &difference(&from, &to)), to);
    }

    #[test]
    fn merging_twice_changes_nothing(document in any_value(), patch in any_value()) {
        let once = merged(&document, &patch);
        prop_assert_eq!(merged(&once, &patch), once);
    }

    #[test]
    fn nothing_merged_changes_nothing(document in any_object()) {
        prop_assert_eq!(merged(&document, &json!({})), document.clone());
        prop_assert_eq!(merged(&document, &document), document);
    }
}

fn operated(document: &Value, patch: Value) -> Option<Value> {
    let mut document = Document::Whole(document.clone());
    let operations = Operation::read_all(patch).ok()?;
    json_patch::apply(&mut document, &operations).ok()?;
    Some(document.into_value())
}

fn pointer(member: &str) -> String {
    format!("/{}", member.replace('~', "~0").replace('/', "~1"))
}

proptest! {
    #[test]
    fn what_is_added_can_be_removed(document in any_object(), value in any_value()) {
        let there = operated(&document, json!([{"op": "add", "path": "/new", "value": value}])).unwrap();
        prop_assert_eq!(&there["new"], &value);
        let gone = operated(&there, json!([{"op": "remove", "path": "/new"}]));
        prop_assert_eq!(gone, Some(document));
    }

    #[test]
    fn what_is_there_stands_the_test(document in any_object(), other in any_value()) {
        for (member, value) in document.as_object().unwrap() {
            let test = |value: &Value| json!([{"op": "test", "path": pointer(member), "value": value}]);
            prop_assert_eq!(operated(&document, test(value)), Some(document.clone()));
            let expected = (*value == other).then(|| document.clone());
            prop_assert_eq!(operated(&document, test(&other)), expected);
        }
    }

    #[test]
    fn a_move_is_undone_by_the_move_back(document in any_object()) {
        for member in document.as_object().unwrap().keys() {
            let away = json!([{"op": "move", "from": pointer(member), "path": "/elsewhere"}]);
            let back = json!({"op": "move", "from": "/elsewhere", "path": pointer(member)});
            let moved = operated(&document, away).unwrap();
            prop_assert!(moved.get(member).is_none());
            prop_assert_eq!(operated(&moved, json!([back])), Some(document.clone()));
        }
    }

    #[test]
    fn a_copy_leaves_the_original(document in any_object()) {
        for (member, value) in document.as_object().unwrap() {
            let copied = operated(&document, json!([{"op": "copy", "from": pointer(member), "path": "/copy"}])).unwrap();
            prop_assert_eq!((&copied[member.as_str()], &copied["copy"]), (value, value));
        }
    }

    #[test]
    fn no_operation_panics(
        document in any_value(),
        steps in prop::collection::vec(("add|remove|replace|move|copy|test", "[/a-d0-2~-]{0,6}", "[/a-d0-2~-]{0,6}", any_value()), 0..4),
    ) {
        let steps: Vec<Value> = steps
            .into_iter()
            .map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
            .collect();
        let _ = operated(&document, steps.into());
    }
}

/// A pod's labels and containers, each with an image or variables.
fn any_pod() -> impl Strategy<Value = Value> {
    let labels = prop::collection::btree_map("[a-c]", "[x-y]", 0..3);
    let env = prop::collection::btree_map("[A-C]", "[1-2]", 0..3);
    let containers = prop::collection::btree_map("[c-e]", (prop::option::of("[i-j]"), env), 1..3);
    (labels, containers).prop_map(|(labels, containers)| {
        let containers: Vec<Value> = containers
            .into_iter()
            .map(|(name, (image, env))| {
                let mut container = json!({"name": name});
                if let Some(image) = image {
                    container["image"] = image.into();
                }
                if !env.is_empty() {
                    let variable = |(name, value)| json!({"name": name, "value": value});
                    container["env"] = env.into_iter().map(variable).collect();
                }
                container
            })
            .collect();
        json!({"metadata": {"labels": labels}, "spec": {"containers": containers}})
    })
}

fn patched(pod: &Value, patch: &Value) -> Value {
    let schema = schema::builtin(&GroupVersionKind::new("", "v1", "Pod")).unwrap();
    let (Value::Object(mut pod), Value::Object(patch)) = (pod.clone(), patch.clone()) else {
        panic!("objects are patched");
    };
    strategic::apply(&mut pod, patch, schema).unwrap();
    pod.into()
}

fn container<'a>(pod: &'a Value, name: &str) -> Option<&'a Value> {
    let mut containers = pod["spec"]["containers"].as_array()?.iter();
    containers.find(|container| container["name"] == name)
}

fn names(pod: &Value) -> Vec<String> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .map(|container| container["name"].as_str().unwrap().to_owned())
        .collect()
}

proptest! {
    #[test]
    fn a_strategic_patch_merged_twice_changes_nothing(pod in any_pod(), patch in any_pod()) {
        let once = patched(&pod, &patch);
        prop_assert_eq!(patched(&once, &patch), once);
    }

    #[test]
    fn a_pod_merged_into_itself_stays(pod in any_pod()) {
        prop_assert_eq!(patched(&pod, &pod), pod.clone());
        prop_assert_eq!(patched(&pod, &json!({})), pod);
    }

    #[test]
    fn every_item_comes_from_where_it_is_named(pod in any_pod(), patch in any_pod()) {
        let both = patched(&pod, &patch);
        for name in names(&both) {
            let (is, was, wanted) = (container(&both, &name).unwrap(), container(&pod, &name), container(&patch, &name));
            let image = wanted.and_then(|wanted| wanted.get("image")).or_else(|| was.and_then(|was| was.get("image")));
            prop_assert_eq!(is.get("image"), image);
            if wanted.is_none() {
                prop_assert_eq!(Some(is), was);
            }
        }
        for name in names(&pod).iter().chain(&names(&patch)) {
            prop_assert!(container(&both, name).is_some());
        }
    }

    #[test]
    fn items_are_deleted_once(pod in any_pod(), name in "[c-e]") {
        let patch = json!({"spec": {"containers": [{"$patch": "delete", "name": name}]}});
        let without = patched(&pod, &patch);
        let left: Vec<String> = names(&pod).into_iter().filter(|other| *other != name).collect();
        prop_assert_eq!(names(&without), left);
        prop_assert_eq!(patched(&without, &patch), without);
    }
}
