//! JSON patches, operation by operation.

use serde_json::json;

use super::*;

fn run(document: Value, patch: Value) -> Option<Value> {
    let mut document = Document::Whole(document);
    let operations = Operation::read_all(patch).unwrap();
    apply(&mut document, &operations).ok()?;
    Some(document.into_value())
}

/// `null` stands for: the patch fails.
fn check(document: Value, cases: &[(Value, Value)]) {
    for (patch, expected) in cases {
        let outcome = run(document.clone(), patch.clone());
        assert_eq!(outcome.unwrap_or(Value::Null), *expected, "{patch}");
    }
}

#[test]
fn members_of_objects() {
    check(
        json!({"a": {"b": 1}}),
        &[
            (json!([]), json!({"a": {"b": 1}})),
            (
                json!([{"op": "add", "path": "/a/c", "value": 2}]),
                json!({"a": {"b": 1, "c": 2}}),
            ),
            (
                json!([{"op": "add", "path": "/a/c"}]),
                json!({"a": {"b": 1, "c": null}}),
            ),
            (json!([{"op": "add", "path": "/z/c", "value": 2}]), json!(null)),
            (json!([{"op": "add", "path": "/a/b/c", "value": 2}]), json!(null)),
            (json!([{"op": "add", "path": "", "value": {}}]), json!(null)),
            (
                json!([{"op": "add", "path": "/", "value": 2}]),
                json!({"": 2, "a": {"b": 1}}),
            ),
            (
                json!([{"op": "add", "path": "a/c", "value": 2}]),
                json!({"a": {"b": 1}, "c": 2}),
            ),
            (json!([{"op": "add", "path": "c", "value": 2}]), json!(null)),
            (
                json!([{"op": "replace", "path": "/a/b", "value": 2}]),
                json!({"a": {"b": 2}}),
            ),
            (
                json!([{"op": "replace", "path": "/a/z", "value": 2}]),
                json!({"a": {"b": 1, "z": 2}}),
            ),
            (
                json!([{"op": "replace", "path": "/z/z", "value": 2}]),
                json!(null),
            ),
            (
                json!([{"op": "replace", "path": "", "value": {"x": 1}}]),
                json!({"x": 1}),
            ),
            (json!([{"op": "replace", "path": "", "value": 5}]), json!(null)),
            (json!([{"op": "remove", "path": "/a/b"}]), json!({"a": {}})),
            (json!([{"op": "remove", "path": "/a/z"}]), json!(null)),
            (
                json!([{"op": "move", "from": "/a/b", "path": "/c"}]),
                json!({"a": {}, "c": 1}),
            ),
            (
                json!([{"op": "move", "from": "/a", "path": "/a"}]),
                json!({"a": {"b": 1}}),
            ),
            (json!([{"op": "move", "from": "/a", "path": "/a/b"}]), json!(null)),
            (json!([{"op": "move", "from": "/a/z", "path": "/c"}]), json!(null)),
            (
                json!([{"op": "copy", "from": "/a", "path": "/a/b"}]),
                json!({"a": {"b": {"b": 1}}}),
            ),
            (
                json!([{"op": "copy", "from": "/a/z", "path": "/c"}]),
                json!({"a": {"b": 1}, "c": null}),
            ),
            (json!([{"op": "copy", "path": "/c"}]), json!(null)),
            (json!([{"op": "delete", "path": "/a"}]), json!(null)),
            (json!([{"op": "ADD", "path": "/a", "value": 1}]), json!(null)),
            (json!([{"op": "add", "value": 1}]), json!(null)),
            (json!([null]), json!(null)),
        ],
    );
}

#[test]
fn items_of_lists() {
    let add = |path: &str| json!([{"op": "add", "path": path, "value": 0}]);
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    let replace = |path: &str| json!([{"op": "replace", "path": path, "value": 0}]);
    check(
        json!([1, 2, 3]),
        &[
            (add("/-"), json!([1, 2, 3, 0])),
            (add("/0"), json!([0, 1, 2, 3])),
            (add("/3"), json!([1, 2, 3, 0])),
            (add("/4"), json!(null)),
            (add("/-1"), json!([1, 2, 3, 0])),
            (add("/-4"), json!([0, 1, 2, 3])),
            (add("/-5"), json!(null)),
            (add("/x"), json!(null)),
            (replace("/02"), json!([1, 2, 0])),
            (replace("/+1"), json!([1, 0, 3])),
            (replace("/-3"), json!([0, 2, 3])),
            (replace("/3"), json!(null)),
            (replace("/-"), json!(null)),
            (remove("/1"), json!([1, 3])),
            (remove("/-1"), json!([1, 2])),
            (remove("/3"), json!(null)),
            (remove("/-"), json!(null)),
            (
                json!([{"op": "move", "from": "/0", "path": "/2"}]),
                json!([2, 3, 1]),
            ),
            (
                json!([{"op": "move", "from": "/0", "path": "/-"}]),
                json!([2, 3, 1]),
            ),
            (
                json!([{"op": "copy", "from": "/0", "path": "/-"}]),
                json!([1, 2, 3, 1]),
            ),
            (json!([{"op": "test", "path": "/9", "value": null}]), json!(null)),
        ],
    );
}

#[test]
fn tests_pass_or_fail() {
    let document = json!({"a": {"l": [1, {"x": "y"}], "n": null}});
    for (path, value, passes) in [
        ("", document.clone(), true),
        ("", json!({}), false),
        ("/a/l", json!([1, {"x": "y"}]), true),
        ("/a/l", json!([{"x": "y"}, 1]), false),
        ("/a/l/0", json!(1), true),
        ("/a/l/0", json!(1.0), false),
        ("/a/l/-1/x", json!("y"), true),
        ("/a/z", json!(null), true),
        ("/a/z", json!("v"), false),
        ("/z/z", json!(null), false),
        ("/a/n", json!(null), true),
    ] {
        let patch = json!([{"op": "test", "path": path, "value": value}]);
        assert_eq!(run(document.clone(), patch).is_some(), passes, "{path} {value}");
    }
    // An object that was taken apart compares as well.
    let patch = json!([{"op": "add", "path": "/a/l/0", "value": 0}, {"op": "test", "path": "/a/l", "value": [0, 1, {"x": "y"}]}]);
    assert!(run(document, patch).is_some());
}

#[test]
fn tokens_are_unescaped() {
    for (path, key) in [
        ("/a~1b", "a/b"),
        ("/a~0b", "a~b"),
        ("/a~01b", "a~1b"),
        ("/a~2b", "a~2b"),
        ("/~", "~"),
    ] {
        let patch = json!([{"op": "add", "path": path, "value": 1}]);
        assert_eq!(run(json!({}), patch), Some(json!({key: 1})), "{path}");
    }
}

#[test]
fn copies_are_bounded() {
    let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    let patch = Value::Array(vec![double; 40]);
    let mut document = Document::Whole(json!({"a": ["x".repeat(100)]}));
    let operations = Operation::read_all(patch).unwrap();
    assert_eq!(
        apply(&mut document, &operations),
        Err(JsonPatchError::CopiesTooMuch)
    );
}

#[test]
fn what_is_missing_is_told_in_upstreams_words() {
    for (patch, expected) in [
        (
            json!({"op": "replace", "path": "/z/n", "value": 1}),
            "replace operation does not apply: doc is missing path: /z/n: missing value",
        ),
        (
            json!({"op": "replace", "path": "/l/5", "value": 1}),
            "replace operation does not apply: doc is missing key: /l/5: missing value",
        ),
        (
            json!({"op": "remove", "path": "/a/x"}),
            "error in remove for path: '/a/x': Unable to remove nonexistent key: x: missing value",
        ),
        (
            json!({"op": "remove", "path": "/z/x"}),
            "remove operation does not apply: doc is missing path: \"/z/x\": missing value",
        ),
        (
            json!({"op": "remove", "path": "/l/5"}),
            "error in remove for path: '/l/5': Unable to access invalid index: 5: invalid index referenced",
        ),
        (
            json!({"op": "add", "path": "/z/x", "value": 1}),
            "add operation does not apply: doc is missing path: \"/z/x\": missing value",
        ),
        (
            json!({"op": "add", "path": "/l/k", "value": 1}),
            "error in add for path: '/l/k': value was not a proper array index: 'k': strconv.Atoi: parsing \"k\": invalid syntax",
        ),
        (
            json!({"op": "move", "from": "/a/x", "path": "/a/y"}),
            "error in move for path: 'x': Unable to remove nonexistent key: x: missing value",
        ),
        (
            json!({"op": "move", "from": "/a/b", "path": "/z/y"}),
            "move operation does not apply: doc is missing destination path: /z/y: missing value",
        ),
        (
            json!({"op": "copy", "from": "/z/b", "path": "/a/y"}),
            "copy operation does not apply: doc is missing from path: /z/b: missing value",
        ),
        (
            json!({"op": "test", "path": "/z/b", "value": 1}),
            "test operation does not apply: is missing path: /z/b: missing value",
        ),
    ] {
        let mut document = Document::Whole(json!({"a": {"b": 1}, "l": [1]}));
        let operations = Operation::read_all(json!([patch])).unwrap();
        let outcome = apply(&mut document, &operations);
        assert_eq!(
            outcome,
            Err(JsonPatchError::Missing(expected.to_owned())),
            "{patch}"
        );
    }
}
