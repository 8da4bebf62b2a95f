//! Strategic merge patches, directive by directive.

use meta::GroupVersionKind;
use serde_json::json;

use super::*;

fn run(original: Value, patch: Value) -> Result<Value, StrategicError> {
    let schema = schema::builtin(&GroupVersionKind::new("", "v1", "Pod")).unwrap();
    let (Value::Object(mut original), Value::Object(patch)) = (original, patch) else {
        panic!("objects are patched");
    };
    apply(&mut original, patch, schema).map(|()| Value::Object(original))
}

fn containers(patch: Value) -> Value {
    let original = json!({"spec": {"containers": [
        {"name": "c1", "image": "i1", "args": ["x"], "ports": [{"containerPort": 80}],
         "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"name": "c2", "image": "i2"},
    ]}});
    match run(original, json!({"spec": patch})) {
        Ok(mut patched) => patched["spec"]["containers"].take(),
        Err(error) => error.to_string().into(),
    }
}

fn names(patch: Value) -> Vec<String> {
    let containers = containers(patch);
    let name = |container: &Value| container["name"].as_str().unwrap_or("?").to_owned();
    containers.as_array().into_iter().flatten().map(name).collect()
}

#[test]
fn items_are_merged_by_their_key() {
    for (patch, expected) in [
        (json!([{"name": "c2", "image": "j"}]), ["i1", "j"]),
        (json!([{"name": "c1", "image": null}]), ["", "i2"]),
    ] {
        let patched = containers(json!({"containers": patch}));
        let images: Vec<_> = patched
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["image"].as_str().unwrap_or(""))
            .collect();
        assert_eq!(images, expected);
    }
    let patched = containers(
        json!({"containers": [{"name": "c1", "args": ["z"], "env": [{"name": "B", "value": "3"}]}]}),
    );
    assert_eq!(patched[0]["args"], json!(["z"]), "args are replaced");
    assert_eq!(
        patched[0]["env"],
        json!([{"name": "A", "value": "1"}, {"name": "B", "value": "3"}])
    );
}

#[test]
fn new_items_come_where_the_patch_has_them() {
    for (patch, expected) in [
        (json!([{"name": "n"}]), vec!["n", "c1", "c2"]),
        (
            json!([{"name": "x"}, {"name": "c2"}, {"name": "y"}]),
            vec!["x", "c1", "c2", "y"],
        ),
        (json!([{"name": "c2"}, {"name": "c1"}]), vec!["c2", "c1"]),
    ] {
        assert_eq!(names(json!({"containers": patch})), expected);
    }
}

#[test]
fn lists_have_directives() {
    for (patch, expected) in [
        (json!([{"name": "c1", "$patch": "delete"}]), vec!["c2"]),
        (json!([{"name": "z", "$patch": "delete"}]), vec!["c1", "c2"]),
        (json!([{"$patch": "replace"}, {"name": "n"}]), vec!["n"]),
        (json!([{"$patch": "replace", "name": "c1"}]), vec![]),
    ] {
        assert_eq!(names(json!({"containers": patch})), expected);
    }
    for (patch, message) in [
        (
            json!([{"$patch": "delete"}]),
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (
            json!([{"image": "i"}]),
            "map: map[image:i] does not contain declared merge key: name",
        ),
        (
            json!([{"$patch": "merge", "name": "c1"}]),
            "merging lists cannot yet be specified in the patch",
        ),
        (
            json!([{"$patch": "x", "name": "c1"}]),
            "unknown patch type: x in map: map[$patch:x name:c1]",
        ),
        (
            json!(["c1"]),
            "list element types are not identical: [[map[args:[x] env:[map[name:A value:1] map[name:B value:2]] image:i1 name:c1 ports:[map[containerPort:80]]] map[image:i2 name:c2]] [c1]]",
        ),
    ] {
        assert_eq!(containers(json!({"containers": patch})), message);
    }
}

#[test]
fn an_order_can_be_set() {
    let order = |order: &[&str], patch: Value| {
        let order: Vec<Value> = order.iter().map(|name| json!({"name": name})).collect();
        json!({"$setElementOrder/containers": order, "containers": patch})
    };
    for (patch, expected) in [
        (order(&["c2", "c1"], json!([])), vec!["c2", "c1"]),
        (
            order(&["n", "c1", "c2"], json!([{"name": "n"}])),
            vec!["n", "c1", "c2"],
        ),
        (
            order(&["c2", "x", "c1"], json!([{"name": "x"}])),
            vec!["c2", "x", "c1"],
        ),
        (
            order(&["c2"], json!([{"name": "c2", "image": "z"}])),
            vec!["c1", "c2"],
        ),
        (
            order(&["c2"], json!([{"name": "c1", "$patch": "delete"}])),
            vec!["c2"],
        ),
    ] {
        assert_eq!(names(patch), expected);
    }
    assert_eq!(
        containers(order(&["c2", "c1"], json!([{"name": "c1"}, {"name": "c2"}]))),
        "The order in patch list:\n[map[name:c1] map[name:c2]]\n doesn't match $setElementOrder list:\n[map[name:c2] map[name:c1]]\n"
    );
    assert_eq!(
        containers(json!({"$setElementOrder/containers": "c1"})),
        "expected a []interface {}, but received a string"
    );
    assert_eq!(
        containers(json!({"$setElementOrder/containers": ["c1"]})),
        "value for key 0 is not a map"
    );
    assert_eq!(
        containers(json!({"$setElementOrder/bogus": []})),
        "unable to find api field in struct PodSpec for the json field \"bogus\""
    );
}

#[test]
fn scalars_are_merged_as_a_set() {
    let original = json!({"metadata": {"finalizers": ["c", "d"]}});
    for (patch, expected) in [
        (json!({"finalizers": ["e"]}), json!(["e", "c", "d"])),
        (json!({"finalizers": ["d"]}), json!(["c", "d"])),
        (
            json!({"$deleteFromPrimitiveList/finalizers": ["c"]}),
            json!(["d"]),
        ),
        (
            json!({"$setElementOrder/finalizers": ["d", "c"]}),
            json!(["d", "c"]),
        ),
        (
            json!({"$setElementOrder/finalizers": ["d", "z"], "$deleteFromPrimitiveList/finalizers": ["c"], "finalizers": ["z"]}),
            json!(["d", "z"]),
        ),
        (json!({"finalizers": null}), Value::Null),
    ] {
        let patched = run(original.clone(), json!({"metadata": patch})).unwrap();
        assert_eq!(patched["metadata"]["finalizers"], expected);
    }
}

#[test]
fn what_is_no_list_is_merged_in_spite_of_a_deletion() {
    let original = json!({"spec": {"priority": 2, "hostname": "h", "securityContext": {"runAsUser": 1}}});
    for (patch, field, expected) in [
        (
            json!({"$deleteFromPrimitiveList/priority": 1}),
            "priority",
            json!(1),
        ),
        (
            json!({"$deleteFromPrimitiveList/priority": "x"}),
            "priority",
            json!(2),
        ),
        (
            json!({"$deleteFromPrimitiveList/priority": null}),
            "priority",
            Value::Null,
        ),
        (
            json!({"$deleteFromPrimitiveList/priority": [2]}),
            "priority",
            json!(2),
        ),
        (
            json!({"$deleteFromPrimitiveList/hostNetwork": true}),
            "hostNetwork",
            Value::Null,
        ),
        (
            json!({"$deleteFromPrimitiveList/securityContext": {"runAsGroup": 3}}),
            "securityContext",
            json!({"runAsUser": 1, "runAsGroup": 3}),
        ),
    ] {
        let patched = run(original.clone(), json!({"spec": patch})).unwrap();
        assert_eq!(patched["spec"][field], expected, "{patch}");
    }
}

#[test]
fn objects_have_directives() {
    let original = json!({"metadata": {"labels": {"a": "b"}, "name": "n"}});
    for (patch, expected) in [
        (
            json!({"labels": {"c": "d"}}),
            json!({"labels": {"a": "b", "c": "d"}, "name": "n"}),
        ),
        (json!({"labels": {"a": null}}), json!({"labels": {}, "name": "n"})),
        (
            json!({"labels": {"$patch": "replace", "c": "d"}}),
            json!({"labels": {"c": "d"}, "name": "n"}),
        ),
        (
            json!({"labels": {"$patch": "delete"}}),
            json!({"labels": {}, "name": "n"}),
        ),
        (
            json!({"annotations": {"$patch": "replace", "c": "d"}}),
            json!({"labels": {"a": "b"}, "name": "n"}),
        ),
        (
            json!({"annotations": {"c": null}}),
            json!({"annotations": {}, "labels": {"a": "b"}, "name": "n"}),
        ),
        (json!({"$retainKeys": ["name"]}), json!({"name": "n"})),
        (
            json!({"$retainKeys": ["name", "labels"], "labels": {"c": "d"}}),
            json!({"labels": {"a": "b", "c": "d"}, "name": "n"}),
        ),
    ] {
        let patched = run(original.clone(), json!({"metadata": patch})).unwrap();
        assert_eq!(patched["metadata"], expected, "{patch}");
    }
    for (patch, message) in [
        (
            json!({"$retainKeys": "name"}),
            "invalid patch format of retainKeys",
        ),
        (
            json!({"$retainKeys": ["name"], "uid": "u"}),
            "invalid patch format of retainKeys",
        ),
        (
            json!({"$setElementOrder": []}),
            "invalid patch format of setElementOrder list",
        ),
        (
            json!({"$deleteFromPrimitiveList": []}),
            "invalid patch format of primitive list",
        ),
        (
            json!({"$patch": "merge"}),
            "unknown patch type: merge in map: map[$patch:merge]",
        ),
        (
            json!({"$patch": 5}),
            "unknown patch type: %!s(int64=5) in map: map[$patch:5]",
        ),
    ] {
        assert_eq!(
            run(original.clone(), json!({"metadata": patch}))
                .unwrap_err()
                .to_string(),
            message
        );
    }
}
