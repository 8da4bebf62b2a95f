//! Applying: ownership, conflicts, giving up, creating.

use meta::GroupVersionKind;
use proptest::prelude::*;
use schema::SchemaRef;
use serde_json::{Value, json};

use super::*;
use crate::managed::track_update;

const EARLY: &str = "2020-01-01T00:00:00Z";
const LATE: &str = "2024-01-01T00:00:00Z";

fn schema(kind: &'static str) -> SchemaRef<'static> {
    let group = if kind == "Deployment" { "apps" } else { "" };
    schema::builtin(&GroupVersionKind::new(group, "v1", kind)).unwrap()
}

fn write<'a>(kind: &'static str, manager: &'a str, time: &'a str) -> Write<'a> {
    Write {
        manager,
        api_version: if kind == "Deployment" { "apps/v1" } else { "v1" },
        subresource: "",
        time,
        schema: schema(kind),
        reset_fields: &[],
        resets_in_all_versions: true,
        convert: None,
    }
}

/// An object that is applied to and updated by several managers.
struct Story {
    kind: &'static str,
    object: Value,
}

impl Story {
    fn of(kind: &'static str) -> Self {
        Self {
            kind,
            object: schema(kind).zero(),
        }
    }

    fn body(&self, body: Value) -> Value {
        let api_version = write(self.kind, "", "").api_version;
        let mut object = json!({"apiVersion": api_version, "kind": self.kind, "metadata": {"name": "a"}});
        for (field, value) in body.as_object().unwrap() {
            object[field] = value.clone();
        }
        object
    }

    fn attempt(&self, manager: &str, config: Value, force: bool) -> Result<Value, ApplyError> {
        apply(
            &write(self.kind, manager, LATE),
            &self.object,
            &self.body(config),
            force,
        )
    }

    #[track_caller]
    fn applied(mut self, manager: &str, config: Value) -> Self {
        self.object = self.decoded(self.attempt(manager, config, false).unwrap());
        self
    }

    #[track_caller]
    fn forced(mut self, manager: &str, config: Value) -> Self {
        self.object = self.decoded(self.attempt(manager, config, true).unwrap());
        self
    }

    fn updated(mut self, manager: &str, change: impl FnOnce(&mut Value)) -> Self {
        let old = self.object.clone();
        change(&mut self.object);
        track_update(&write(self.kind, manager, EARLY), Some(&old), &mut self.object);
        self
    }

    fn created(kind: &'static str, manager: &str, body: Value) -> Self {
        let mut story = Self::of(kind);
        story.object = story.decoded(story.body(body));
        track_update(&write(kind, manager, EARLY), None, &mut story.object);
        story
    }

    fn decoded(&self, object: Value) -> Value {
        schema::decode_value(object, schema(self.kind), schema::FieldValidation::Strict)
            .unwrap()
            .0
    }

    #[track_caller]
    fn refuses(&self, manager: &str, config: Value, message: &str) {
        assert_eq!(
            self.attempt(manager, config, false)
                .unwrap_err()
                .to_status()
                .message,
            message
        );
    }

    /// `manager operation fields`, one text for each owner.
    #[track_caller]
    fn owned(self, expected: &[&str]) -> Self {
        let entries = self.object["metadata"]["managedFields"].as_array();
        let text = |entry: &Value| {
            format!(
                "{} {} {}",
                entry["manager"].as_str().unwrap_or("?"),
                entry["operation"].as_str().unwrap_or("?"),
                entry["fieldsV1"]
            )
        };
        let owned: Vec<String> = entries.into_iter().flatten().map(text).collect();
        assert_eq!(owned, expected);
        self
    }

    #[track_caller]
    fn is(self, pointer: &str, expected: Value) -> Self {
        assert_eq!(*self.object.pointer(pointer).unwrap_or(&Value::Null), expected);
        self
    }
}

#[test]
fn who_applies_owns_what_it_says() {
    Story::of("ConfigMap")
        .applied("a", json!({"data": {"k": "v"}}))
        .owned(&[r#"a Apply {"f:data":{"f:k":{}}}"#])
        .is("/metadata/managedFields/0/time", json!(LATE));
}

#[test]
fn others_keep_their_fields() {
    let story = Story::of("ConfigMap")
        .applied(
            "a",
            json!({"data": {"k": "v", "dotted.key": "x", "dash-key": "y"}}),
        )
        .applied("third", json!({"data": {"k": "v"}}));
    story.refuses(
        "second",
        json!({"data": {"k": "w"}}),
        "Apply failed with 2 conflicts: conflicts with \"a\":\n- .data.k\nconflicts with \"third\":\n- .data.k",
    );
    story.refuses(
        "second",
        json!({"data": {"dotted.key": "w"}}),
        "Apply failed with 1 conflict: conflict with \"a\": .data.dotted.key",
    );
    story
        .forced("second", json!({"data": {"k": "w"}}))
        .is("/data/k", json!("w"))
        .owned(&[
            r#"a Apply {"f:data":{"f:dash-key":{},"f:dotted.key":{}}}"#,
            r#"second Apply {"f:data":{"f:k":{}}}"#,
        ]);
}

#[test]
fn who_updates_does_not_ask() {
    let story = Story::of("ConfigMap")
        .applied("a", json!({"data": {"k": "v", "l": "w"}}))
        .updated("u", |object| object["data"]["k"] = json!("u"));
    let story = story.owned(&[
        r#"a Apply {"f:data":{"f:l":{}}}"#,
        r#"u Update {"f:data":{"f:k":{}}}"#,
    ]);
    story.refuses(
        "a",
        json!({"data": {"k": "v"}}),
        "Apply failed with 1 conflict: conflict with \"u\" using v1: .data.k",
    );
}

#[test]
fn conflicts_have_causes() {
    let story = Story::created(
        "Deployment",
        "poster",
        json!({"spec": {"replicas": 1, "minReadySeconds": 2}}),
    );
    let status = story
        .attempt(
            "anna",
            json!({"spec": {"replicas": 5, "minReadySeconds": 5}}),
            false,
        )
        .unwrap_err()
        .to_status();
    assert_eq!((status.code, status.reason.0.as_ref()), (409, "Conflict"));
    assert_eq!(
        status.message,
        "Apply failed with 2 conflicts: conflicts with \"poster\" using apps/v1:\n- .spec.minReadySeconds\n- .spec.replicas"
    );
    let causes: Vec<_> = status
        .details
        .unwrap()
        .causes
        .into_iter()
        .map(|c| (c.reason, c.message, c.field))
        .collect();
    let cause = |field: &str| {
        let message = "conflict with \"poster\" using apps/v1";
        (
            "FieldManagerConflict".to_owned(),
            message.to_owned(),
            field.to_owned(),
        )
    };
    assert_eq!(causes, [cause(".spec.minReadySeconds"), cause(".spec.replicas")]);
}

#[test]
fn what_is_no_longer_wanted_goes() {
    Story::of("ConfigMap")
        .applied("a", json!({"data": {"k": "v", "l": "w"}}))
        .applied("a", json!({"data": {"k": "v"}}))
        .is("/data", json!({"k": "v"}))
        .owned(&[r#"a Apply {"f:data":{"f:k":{}}}"#]);
    Story::of("ConfigMap")
        .applied("a", json!({"data": {"k": "v"}}))
        .applied("a", json!({}))
        .is("/data", Value::Null)
        .owned(&[]);
    // Shared fields stay, and so do fields that others added to an item.
    Story::of("ConfigMap")
        .applied("a", json!({"data": {"k": "v", "l": "w"}}))
        .applied("b", json!({"data": {"l": "w"}}))
        .applied("a", json!({"data": {"k": "v"}}))
        .is("/data", json!({"k": "v", "l": "w"}));
    let container = |fields: Value| json!({"spec": {"template": {"spec": {"containers": [fields]}}}});
    Story::of("Deployment")
        .applied("a", container(json!({"name": "c", "image": "i", "args": ["x"]})))
        .applied("b", container(json!({"name": "c", "env": [{"name": "E"}]})))
        .applied("a", json!({}))
        .is("/spec/template/spec/containers/0/env", json!([{"name": "E"}]))
        .is("/spec/template/spec/containers/0/image", Value::Null)
        .applied("b", json!({}))
        .is("/spec/template/spec/containers", Value::Null);
}

#[test]
fn an_item_that_only_one_wants_goes_with_what_was_added_to_it() {
    let containers = |names: &[&str]| {
        let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"spec": {"template": {"spec": {"containers": items}}}})
    };
    Story::of("Deployment")
        .applied("a", containers(&["c", "d"]))
        .updated("defaults", |object| {
            object["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = json!("Always");
        })
        .applied("a", containers(&["c"]))
        .is("/spec/template/spec/containers/0/name", json!("c"))
        .is("/spec/template/spec/containers/1", Value::Null);
}

#[test]
fn items_are_merged_in_order() {
    let names = |live: &[&str], config: &[&str]| {
        let containers = |names: &[&str]| {
            let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"spec": {"containers": items}})
        };
        let merged = merge::merge(&containers(live), &containers(config), schema("Pod"));
        let items = merged["spec"]["containers"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (live, config, expected) in [
        (vec!["a", "b"], vec!["c"], "a b c"),
        (vec!["a", "b"], vec!["b", "a"], "b a"),
        (vec!["a", "b"], vec!["a", "n", "b"], "a n b"),
        (vec!["a", "b", "c"], vec!["n", "b"], "a n b c"),
        (vec!["x", "a", "y", "b", "z"], vec!["b", "a"], "x y b z a"),
        (vec!["a", "x", "b"], vec!["b"], "a x b"),
        (vec![], vec!["b", "a"], "b a"),
        (vec!["a"], vec![], "a"),
    ] {
        assert_eq!(names(&live, &config), expected, "{live:?} {config:?}");
    }
}

#[test]
fn items_have_keys_with_defaults() {
    let service = |port: Value| json!({"spec": {"ports": [port]}});
    let story = Story::of("Service").applied("one", service(json!({"port": 80, "name": "http"})));
    let story = story.owned(&[
        r#"one Apply {"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}}}}"#,
    ]);
    story.refuses(
        "two",
        service(json!({"port": 80, "protocol": "TCP", "name": "web"})),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.ports[port=80,protocol=\"TCP\"].name",
    );
    let udp = json!({"port": 80, "protocol": "UDP", "name": "quic"});
    story.applied("two", service(udp.clone())).is("/spec/ports/1", {
        let mut port = udp;
        port["targetPort"] = json!(0);
        port
    });
}

#[test]
fn atomic_values_are_owned_as_a_whole() {
    let selector = |labels: Value| json!({"spec": {"template": {"spec": {"nodeSelector": labels}}}});
    let story = Story::of("Deployment").applied("a", selector(json!({"disk": "ssd"})));
    story.refuses(
        "b",
        selector(json!({"zone": "a"})),
        "Apply failed with 1 conflict: conflict with \"a\": .spec.template.spec.nodeSelector",
    );
    story
        .forced("b", selector(json!({"zone": "a"})))
        .is("/spec/template/spec/nodeSelector", json!({"zone": "a"}));
}

#[test]
fn configurations_are_checked() {
    let story = Story::of("ConfigMap");
    let refuses = |config: Value, problem: &str| {
        let message = format!("failed to create typed patch object (/a; /v1, Kind=ConfigMap): {problem}");
        story.refuses("m", config, &message);
    };
    refuses(json!({"bogus": 1}), ".bogus: field not declared in schema");
    refuses(
        json!({"metadata": {"name": "a", "bogus": 1}}),
        ".metadata.bogus: field not declared in schema",
    );
    refuses(
        json!({"data": {"k": 5}}),
        ".data.k: expected string, got &value.valueUnstructured{Value:5}",
    );
    refuses(
        json!({"data": {"k": true}}),
        ".data.k: expected string, got &value.valueUnstructured{Value:true}",
    );
    refuses(json!({"data": ["a"]}), ".data: expected map, got &{[a]}");
    refuses(
        json!({"metadata": {"name": "a", "finalizers": ["example.com/a", "example.com/a"]}}),
        ".metadata.finalizers: duplicate entries for key [=\"example.com/a\"]",
    );
    refuses(
        json!({"metadata": {"name": "a", "ownerReferences": [{"uid": "u"}, {"uid": "u"}]}}),
        ".metadata.ownerReferences: duplicate entries for key [uid=\"u\"]",
    );
    refuses(json!({"a": 1, "b": 2}), ".a: field not declared in schema");
    refuses(
        json!({"a": 1, "b": 2, "metadata": {"name": "a", "c": 3}}),
        "errors:\n  .a: field not declared in schema\n  .metadata.c: field not declared in schema",
    );
    let deployment = Story::of("Deployment");
    let container = |container: Value| json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    let prefix = "failed to create typed patch object (/a; apps/v1, Kind=Deployment)";
    for (config, problem) in [
        (
            json!({"spec": {"replicas": "three"}}),
            ".spec.replicas: expected numeric (int or float), got string",
        ),
        (
            container(json!({"name": "c", "env": [{"name": "C"}, {"name": "C"}]})),
            ".spec.template.spec.containers[name=\"c\"].env: duplicate entries for key [name=\"C\"]",
        ),
        (
            container(json!("c")),
            ".spec.template.spec.containers: element 0: associative list with keys may not have non-map elements",
        ),
    ] {
        deployment.refuses("m", config, &format!("{prefix}: {problem}"));
    }
    let mut config = story.body(json!({}));
    config["metadata"]["managedFields"] = json!([]);
    let refused = apply(&write("ConfigMap", "m", LATE), &story.object, &config, false).unwrap_err();
    assert_eq!(refused.to_status().message, "metadata.managedFields must be nil");
    config["metadata"]["managedFields"] = json!(5);
    let refused = apply(&write("ConfigMap", "m", LATE), &story.object, &config, false).unwrap_err();
    let refused = refused.to_status().message;
    assert!(
        refused.ends_with(".metadata.managedFields: expected list, got &{5}"),
        "{refused}"
    );
}

#[test]
fn objects_without_owners_get_one_at_their_first_apply() {
    let mut story = Story::created("ConfigMap", "old", json!({"data": {"k": "v", "l": "w"}}));
    story.object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("managedFields");
    story.refuses(
        "a",
        json!({"data": {"k": "x"}}),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.k",
    );
    story.forced("a", json!({"data": {"k": "x"}})).owned(&[
        r#"a Apply {"f:data":{"f:k":{}}}"#,
        r#"before-first-apply Update {"f:data":{".":{},"f:l":{}}}"#,
    ]);
}

#[test]
fn an_apply_without_effect_keeps_the_time() {
    let story = Story::created("ConfigMap", "old", json!({"data": {"k": "v"}}));
    let applied = story.attempt("a", json!({"data": {"k": "v"}}), false).unwrap();
    let entry = &applied["metadata"]["managedFields"][0];
    assert_eq!((&entry["manager"], entry.get("time")), (&json!("a"), None));
}

#[test]
fn kubectl_takes_over_from_client_side_apply() {
    const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let annotated = |text: &str, data: Value| json!({"metadata": {"name": "a", "annotations": {ANNOTATION: text}}, "data": data});
    let last = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v","l":"w"}}"#;
    let story = || {
        Story::created(
            "ConfigMap",
            "kubectl-client-side-apply",
            annotated(last, json!({"k": "v", "l": "w", "extra": "e"})),
        )
    };
    story().refuses(
        "somebody",
        json!({"data": {"k": "other"}}),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.k",
    );
    story().refuses(
        "kubectl",
        json!({"data": {"k": "other", "extra": "f"}}),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.extra",
    );
    let taken = story().applied("kubectl", json!({"data": {"k": "changed", "l": "w"}}));
    let taken = taken.owned(&[
        r#"kubectl Apply {"f:data":{"f:k":{},"f:l":{}}}"#,
        r#"kubectl-client-side-apply Update {"f:data":{".":{},"f:extra":{},"f:l":{}},"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}"#,
    ]);
    assert_eq!(
        taken.object["metadata"]["annotations"][ANNOTATION],
        "{\"apiVersion\":\"v1\",\"data\":{\"k\":\"changed\",\"l\":\"w\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}\n"
    );
    for text in ["not json", ""] {
        Story::created(
            "ConfigMap",
            "kubectl-client-side-apply",
            annotated(text, json!({"k": "v"})),
        )
        .refuses(
            "kubectl",
            json!({"data": {"k": "w"}}),
            "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.k",
        );
    }
}

#[test]
fn subresources_own_and_reset_their_fields() {
    let story = Story::of("Deployment").applied("a", json!({"spec": {"replicas": 1}}));
    let status = Write {
        subresource: "status",
        reset_fields: &["spec"],
        ..write("Deployment", "a", LATE)
    };
    let config = story.body(json!({"spec": {"replicas": 9}, "status": {"replicas": 1}}));
    let applied = apply(&status, &story.object, &config, false).unwrap();
    let entries = &applied["metadata"]["managedFields"];
    assert_eq!(entries[1]["subresource"], "status");
    assert_eq!(entries[1]["fieldsV1"], json!({"f:status": {"f:replicas": {}}}));
    assert_eq!(entries[0]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
}

#[test]
fn owners_in_other_versions_keep_what_is_reset_in_all() {
    fn convert<'a>(object: &Value, api_version: &str) -> Option<(Value, SchemaRef<'a>)> {
        let mut object = object.clone();
        object["apiVersion"] = api_version.into();
        Some((object, schema("Deployment")))
    }
    let story = Story::of("Deployment").applied("a", json!({"spec": {"replicas": 1}}));
    let mut config = story.body(json!({"spec": {"replicas": 9}, "status": {"replicas": 1}}));
    config["apiVersion"] = "apps/v2".into();
    for resets_in_all_versions in [true, false] {
        let status = Write {
            api_version: "apps/v2",
            subresource: "status",
            reset_fields: &["spec"],
            resets_in_all_versions,
            convert: Some(&convert),
            ..write("Deployment", "b", LATE)
        };
        let applied = apply(&status, &story.object, &config, false);
        assert_eq!(applied.is_ok(), resets_in_all_versions);
        let forced = apply(&status, &story.object, &config, true).unwrap();
        let entries = forced["metadata"]["managedFields"].as_array().unwrap().len();
        assert_eq!(entries, if resets_in_all_versions { 2 } else { 1 });
    }
}

/// Labels, and containers with an image or variables. Nothing is there but empty: decoding does not keep that.
fn any_config() -> impl Strategy<Value = Value> {
    let labels = prop::collection::btree_map("[a-c]", "[x-y]", 1..4);
    let env = prop::collection::btree_map("[A-C]", "[1-2]", 1..3);
    let containers =
        prop::collection::btree_map("[c-e]", (prop::option::of("[i-j]"), prop::option::of(env)), 1..3);
    (labels, prop::option::of(containers)).prop_map(|(labels, containers)| {
        let mut config = json!({"metadata": {"name": "a", "labels": labels}});
        let containers = containers.into_iter().flatten().map(|(name, (image, env))| {
            let mut container = json!({"name": name});
            if let Some(image) = image {
                container["image"] = json!(image);
            }
            if let Some(env) = env {
                container["env"] = env
                    .into_iter()
                    .map(|(name, value)| json!({"name": name, "value": value}))
                    .collect();
            }
            container
        });
        let containers: Vec<Value> = containers.collect();
        if !containers.is_empty() {
            config["spec"]["template"]["spec"]["containers"] = containers.into();
        }
        config
    })
}

proptest! {
    #[test]
    fn applying_twice_changes_nothing(first in any_config(), second in any_config()) {
        let story = Story::of("Deployment").applied("a", first).forced("b", second.clone());
        let again = story.decoded(story.attempt("b", second, false).unwrap());
        prop_assert_eq!(again, story.object);
    }

    #[test]
    fn what_is_applied_is_so(first in any_config(), second in any_config()) {
        let story = Story::of("Deployment").applied("a", first).forced("b", second.clone());
        let config = story.body(second);
        let delta = Delta::between(&config, &story.object, schema("Deployment"));
        prop_assert!(delta.removed.is_empty(), "{:?}", delta.removed.paths());
        let wanted = FieldSet::of(&config, schema("Deployment"));
        prop_assert!(!wanted.intersects(&delta.changed), "{:?}", delta.changed.paths());
    }

    #[test]
    fn who_wants_other_things_is_never_in_the_way(first in any_config(), second in any_config()) {
        let mut first = first;
        first["metadata"].as_object_mut().unwrap().remove("labels");
        let mut second = second;
        second.as_object_mut().unwrap().remove("spec");
        let story = |order: [(&str, &Value); 2]| {
            let mut story = Story::of("Deployment");
            for (manager, config) in order {
                story = story.applied(manager, config.clone());
            }
            story.object
        };
        let (one, other) = (story([("a", &first), ("b", &second)]), story([("b", &second), ("a", &first)]));
        let delta = Delta::between(&one, &other, schema("Deployment"));
        prop_assert!(delta.is_empty(), "{:?} {:?}", delta.changed.paths(), delta.removed.paths());
    }

    #[test]
    fn a_conflict_is_one_of_what_is_owned_and_differs(first in any_config(), second in any_config()) {
        let story = Story::of("Deployment").applied("a", first);
        let unowned = |mut object: Value| {
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
            object
        };
        let before = unowned(story.object.clone());
        let forced = unowned(story.decoded(story.attempt("b", second.clone(), true).unwrap()));
        let changed = Delta::between(&before, &forced, schema("Deployment")).changed;
        let owned = FieldSet::of(&before, schema("Deployment"));
        let outcome = story.attempt("b", second, false);
        prop_assert_eq!(outcome.is_err(), owned.intersects(&changed), "{:?}", changed.paths());
    }

    #[test]
    fn who_goes_leaves_what_others_said(first in any_config(), second in any_config()) {
        let alone = Story::of("Deployment").applied("a", first.clone());
        let story = Story::of("Deployment").applied("a", first.clone()).forced("b", second).forced("a", first);
        let story = story.applied("b", json!({}));
        let delta = Delta::between(&alone.object, &story.object, schema("Deployment"));
        prop_assert!(delta.is_empty(), "{:?} {:?}", delta.changed.paths(), delta.removed.paths());
    }
}

#[test]
fn objects_with_items_that_cannot_be_told_apart_are_not_applied_to() {
    let write = write("ServiceAccount", "anna", EARLY);
    let of = |secrets: Value| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "namespace": "n"}, "secrets": secrets});
    let config = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    assert!(apply(&write, &of(json!([{"name": "x"}, {"name": "x"}])), &config, false).is_ok());
    let refused = apply(&write, &of(json!([{"name": "x"}, {"kind": "y"}])), &config, true);
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err("failed to create manager for existing fields: failed to convert new object (n/a; /v1, Kind=ServiceAccount) to smd typed: .secrets: element 1: associative list with keys has an element that omits all key fields [\"name\"] (and doesn't have default values for any key fields)".to_owned())
    );
}
