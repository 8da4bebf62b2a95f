//! Sets of fields: making, combining, writing.

use meta::GroupVersionKind;
use proptest::prelude::*;
use schema::SchemaRef;
use serde_json::{Value, json};

use super::*;

fn schema(kind: &'static str) -> SchemaRef<'static> {
    let group = if kind == "Deployment" { "apps" } else { "" };
    schema::builtin(&GroupVersionKind::new(group, "v1", kind)).unwrap()
}

fn set(json: Value) -> FieldSet {
    FieldSet::from_json(&json).unwrap()
}

#[test]
fn elements_are_read_and_shown() {
    for (text, form, shown) in [
        ("f:spec", "f:spec", ".spec"),
        ("f:a.b/c", "f:a.b/c", ".a.b/c"),
        ("k:{\"name\":\"a\"}", "k:{\"name\":\"a\"}", "[name=\"a\"]"),
        (
            "k:{\"protocol\":\"TCP\", \"containerPort\": 80}",
            "k:{\"containerPort\":80,\"protocol\":\"TCP\"}",
            "[containerPort=80,protocol=\"TCP\"]",
        ),
        ("k:{\"port\":1.0}", "k:{\"port\":1}", "[port=1]"),
        ("v:1.5", "v:1.5", "[=1.5]"),
        (
            "v:\"example.com/x\"",
            "v:\"example.com/x\"",
            "[=\"example.com/x\"]",
        ),
        ("v:5", "v:5", "[=5]"),
        ("i:007", "i:7", "[7]"),
    ] {
        let element = Element::parse(text).unwrap();
        assert_eq!((element.as_str(), element.to_string().as_str()), (form, shown));
    }
    for text in ["nonsense", "x:y", "k:[]", "k:{", "v:", "i:a", ""] {
        assert!(Element::parse(text).is_err(), "{text}");
    }
}

#[test]
fn steps_of_other_kinds_are_passed_over() {
    let read = FieldSet::from_json(&json!({"f:a": {}, "q:b": {"f:c": 1}})).unwrap();
    assert_eq!(read.into_json(), json!({"f:a": {}}));
}

#[test]
fn sets_are_read_and_written() {
    for json in [
        json!({}),
        json!({"f:data": {}}),
        json!({"f:data": {".": {}, "f:k": {}}}),
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}}}}}),
    ] {
        assert_eq!(set(json.clone()).into_json(), json);
    }
    assert_eq!(set(json!({"f:a": {".": {}}})).into_json(), json!({"f:a": {}}));
    for json in [json!("text"), json!({"f:a": 5}), json!({"nonsense": {}})] {
        assert!(FieldSet::from_json(&json).is_err(), "{json}");
    }
}

#[test]
fn sets_are_combined() {
    let a = json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:x": {}});
    let b = json!({"f:a": {"f:b": {}}, "f:y": {}});
    let all = json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:x": {}, "f:y": {}});
    assert_eq!(set(a.clone()).union(set(b.clone())).into_json(), all);
    assert_eq!(
        set(a.clone()).difference(&set(b.clone())).into_json(),
        json!({"f:a": {".": {}, "f:c": {}}, "f:x": {}})
    );
    assert_eq!(
        set(a.clone()).intersection(&set(b.clone())).into_json(),
        json!({"f:a": {"f:b": {}}})
    );
    assert!(set(a.clone()).intersects(&set(b)));
    let whole = set(json!({"f:a": {}}));
    assert_eq!(
        set(a.clone()).difference(&whole).into_json(),
        json!({"f:a": {"f:b": {}, "f:c": {}}, "f:x": {}}),
        "what is below stays"
    );
    assert_eq!(set(a).difference_below(&whole).into_json(), json!({"f:x": {}}));
}

/// What an applied configuration owns, as recorded.
#[test]
fn an_object_sets_fields() {
    for (kind, object, expected) in [
        (
            "ConfigMap",
            json!({"data": {"k": "v"}}),
            json!({"f:data": {"f:k": {}}}),
        ),
        ("ConfigMap", json!({"data": {}}), json!({"f:data": {}})),
        ("ConfigMap", json!({"data": null}), json!({"f:data": {}})),
        (
            "ConfigMap",
            json!({"metadata": {"finalizers": ["a/b"], "ownerReferences": [{"uid": "u", "name": "n"}]}}),
            json!({"f:metadata": {"f:finalizers": {"v:\"a/b\"": {}}, "f:ownerReferences": {"k:{\"uid\":\"u\"}": {}}}}),
        ),
        (
            "Pod",
            json!({"spec": {"containers": [{"name": "c", "args": ["x"], "ports": [{"containerPort": 53}], "resources": {"limits": {"cpu": 1}}}]}}),
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:name": {}, "f:args": {},
                "f:ports": {"k:{\"containerPort\":53,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                "f:resources": {"f:limits": {"f:cpu": {}}},
            }}}}),
        ),
        ("Pod", json!({"spec": {"containers": []}}), json!({})),
        (
            "Pod",
            json!({"spec": {"containers": null}}),
            json!({"f:spec": {"f:containers": {}}}),
        ),
        (
            "Pod",
            json!({"spec": {"nodeSelector": {"a": "b"}}}),
            json!({"f:spec": {"f:nodeSelector": {}}}),
        ),
        (
            "Pod",
            json!({"spec": {"containers": [{"image": "i"}]}}),
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"\"}": {".": {}, "f:image": {}}}}}),
        ),
    ] {
        assert_eq!(
            FieldSet::of(&object, schema(kind)).into_json(),
            expected,
            "{object}"
        );
    }
}

fn check_delta(kind: &'static str, old: Value, new: Value, changed: Value, removed: Value) {
    let delta = Delta::between(&old, &new, schema(kind));
    assert_eq!(delta.changed.into_json(), changed, "{old} {new}");
    assert_eq!(delta.removed.into_json(), removed, "{old} {new}");
}

#[test]
fn states_are_compared() {
    let none = || json!({});
    check_delta(
        "ConfigMap",
        json!({"data": {"a": "1"}}),
        json!({"data": {"a": "1"}}),
        none(),
        none(),
    );
    check_delta(
        "ConfigMap",
        json!({"data": {"a": "1", "b": "2"}}),
        json!({"data": {"a": "2", "c": "3"}}),
        json!({"f:data": {"f:a": {}, "f:c": {}}}),
        json!({"f:data": {"f:b": {}}}),
    );
    check_delta(
        "ConfigMap",
        json!({}),
        json!({"data": {"a": "1"}}),
        json!({"f:data": {".": {}, "f:a": {}}}),
        none(),
    );
    check_delta(
        "ConfigMap",
        json!({"data": {"a": "1"}}),
        json!({}),
        none(),
        json!({"f:data": {".": {}, "f:a": {}}}),
    );
    check_delta(
        "ConfigMap",
        json!({"data": null}),
        json!({"data": {}}),
        json!({"f:data": {}}),
        none(),
    );
    check_delta(
        "Pod",
        json!({"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b"}]}}),
        json!({"spec": {"containers": [{"name": "b"}, {"name": "a", "image": "j", "resources": {}}]}}),
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}, "f:resources": {}}}}}),
        none(),
    );
}

#[test]
fn duplicates_count_as_one() {
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    let one = || json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}}}});
    check_delta(
        "ConfigMap",
        finalizers(json!(["a"])),
        finalizers(json!(["a", "a"])),
        one(),
        one(),
    );
    check_delta(
        "ConfigMap",
        finalizers(json!(["a", "a"])),
        finalizers(json!(["a"])),
        one(),
        one(),
    );
    check_delta(
        "ConfigMap",
        finalizers(json!(["a", "a"])),
        finalizers(json!(["a", "a", "a"])),
        one(),
        json!({}),
    );
}

/// What a new object owns is what differs from an empty one, as recorded.
#[test]
fn a_new_object_differs_from_an_empty_one() {
    let deployment = json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}}, "strategy": {"rollingUpdate": {"maxSurge": 1}, "type": "RollingUpdate"},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                "securityContext": {}, "volumes": [{"name": "v", "projected": {"defaultMode": 1, "sources": []}}],
                "containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}, "env": [{"name": "F"}]}],
            }},
        },
    });
    let schema = schema("Deployment");
    let delta = Delta::between(&schema.zero(), &deployment, schema);
    let expected = json!({
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {
            "f:selector": {}, "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
            "f:template": {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {
                "f:securityContext": {},
                "f:volumes": {".": {}, "k:{\"name\":\"v\"}": {
                    ".": {}, "f:name": {}, "f:projected": {".": {}, "f:defaultMode": {}, "f:sources": {}},
                }},
                "f:containers": {"k:{\"name\":\"c\"}": {
                    ".": {}, "f:name": {}, "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}}},
                    "f:env": {".": {}, "k:{\"name\":\"F\"}": {".": {}, "f:name": {}}},
                }},
            }},
        },
    });
    assert_eq!(delta.changed.into_json(), expected);
}

fn any_set() -> impl Strategy<Value = FieldSet> {
    let element = prop::sample::select(vec!["f:a", "f:b", "f:c", "k:{\"n\":1}", "v:\"x\"", "i:0"]);
    let path = prop::collection::vec(element.prop_map(|text| Element::parse(text).unwrap()), 1..4);
    prop::collection::vec(path, 0..8).prop_map(|paths| {
        let mut set = FieldSet::new();
        for path in paths {
            set.insert_path(&path);
        }
        set
    })
}

proptest! {
    #[test]
    fn union_and_intersection_are_commutative(a in any_set(), b in any_set()) {
        prop_assert_eq!(a.clone().union(b.clone()), b.clone().union(a.clone()));
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.intersects(&b), !a.intersection(&b).is_empty());
        prop_assert_eq!(a.intersects(&b), a.intersects_json(&b.clone().into_json()));
    }

    #[test]
    fn what_is_written_loses_and_gains_as_what_is_read(a in any_set(), b in any_set()) {
        let written = a.clone().into_json();
        let mut less = written.as_object().cloned().unwrap_or_default();
        b.subtract_from_json(&mut less);
        prop_assert_eq!(Value::from(less), a.clone().difference(&b).into_json());
        let mut more = written.as_object().cloned().unwrap_or_default();
        b.clone().add_to_json(&mut more);
        prop_assert_eq!(Value::from(more), a.union(b).into_json());
    }

    #[test]
    fn a_set_is_what_it_shares_and_what_it_does_not(a in any_set(), b in any_set()) {
        let shared = a.intersection(&b);
        let own = a.clone().difference(&b);
        prop_assert!(!own.intersects(&b));
        prop_assert_eq!(own.union(shared), a);
    }

    #[test]
    fn combining_with_itself_changes_nothing(a in any_set()) {
        prop_assert_eq!(a.clone().union(a.clone()), a.clone());
        prop_assert_eq!(a.intersection(&a), a.clone());
        prop_assert!(a.clone().difference(&a).is_empty());
    }

    #[test]
    fn sets_read_back_the_same(a in any_set()) {
        prop_assert_eq!(FieldSet::from_json(&a.clone().into_json()).unwrap(), a);
    }
}

#[test]
fn what_is_written_alike_is_the_same() {
    let kind = meta::GroupVersionKind::new("policy", "v1", "PodDisruptionBudget");
    let schema = schema::builtin(&kind).unwrap();
    let with = |selector: serde_json::Value| serde_json::json!({"spec": {"selector": selector}});
    for (old, new, is_same) in [
        (
            serde_json::json!({"matchLabels": {}}),
            serde_json::json!({"matchLabels": {}, "matchExpressions": []}),
            true,
        ),
        (
            serde_json::json!({"matchLabels": {"a": "b"}}),
            serde_json::json!({"matchLabels": {"a": "b"}, "matchExpressions": []}),
            true,
        ),
        (
            serde_json::json!({"matchLabels": {"a": "b"}}),
            serde_json::json!({"matchLabels": {"a": "c"}}),
            false,
        ),
        (
            serde_json::json!({}),
            serde_json::json!({"matchLabels": {"a": "c"}}),
            false,
        ),
    ] {
        let delta = Delta::between_written(&with(old), &with(new.clone()), schema);
        assert_eq!(delta.is_empty(), is_same, "{new}");
    }
}
