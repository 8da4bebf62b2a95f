//! Patches, and who owns what.

use registry::{FieldValidation, PatchBody, RequestContext};
use serde_json::{Value, json};

use crate::gadgets::{Cluster, gadget, labelled, refused, version};

fn merge(patch: Value) -> PatchBody {
    PatchBody::Merge(patch.to_string().into())
}

fn apply(config: Value, force: bool) -> PatchBody {
    PatchBody::Apply {
        body: config.to_string().into(),
        force,
    }
}

fn by(cluster: &Cluster, manager: &str) -> RequestContext {
    RequestContext {
        field_manager: manager.to_owned(),
        ..cluster.context.clone()
    }
}

/// Manager, operation, subresource and fields of each owner.
fn owners(tree: &Value) -> Vec<(String, String, String, Value)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or("").to_owned();
    let entries = tree["metadata"]["managedFields"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let fields = entry["fieldsV1"].clone();
            (
                text(entry, "manager"),
                text(entry, "operation"),
                text(entry, "subresource"),
                fields,
            )
        })
        .collect()
}

#[tokio::test]
async fn every_way_of_patching_changes_the_object() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let patches = [
        merge(json!({"spec": {"minAvailable": 2}})),
        PatchBody::Strategic(json!({"spec": {"minAvailable": 3}}).to_string().into()),
        PatchBody::Json(
            json!([{"op": "replace", "path": "/spec/minAvailable", "value": 4}])
                .to_string()
                .into(),
        ),
    ];
    for (patch, expected) in patches.into_iter().zip(2..) {
        let patched = cluster
            .gadgets
            .patch(&cluster.context, "ns", "a", "", patch)
            .await
            .unwrap();
        let tree = patched.object.tree();
        assert_eq!(
            (&tree["spec"]["minAvailable"], &tree["metadata"]["generation"]),
            (&json!(expected), &json!(expected))
        );
    }
    let revision = cluster.revision();
    let nothing = cluster
        .gadgets
        .patch(&cluster.context, "ns", "a", "", merge(json!({})))
        .await
        .unwrap();
    assert_eq!(
        (version(&nothing.object), cluster.revision()),
        (revision, revision)
    );
}

#[tokio::test]
async fn patches_that_do_not_fit_are_refused() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let patch = async |patch: Value| {
        let patch = merge(patch);
        cluster
            .gadgets
            .patch(&cluster.context, "ns", "a", "", patch)
            .await
    };
    let renamed = patch(json!({"metadata": {"name": "b"}})).await;
    refused(
        renamed,
        400,
        "the name of the object (b) does not match the name on the URL (a)",
    );
    let moved = patch(json!({"metadata": {"namespace": "b"}})).await;
    refused(
        moved,
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    );
    let stale = patch(json!({"metadata": {"resourceVersion": "1"}, "spec": {"minAvailable": 5}})).await;
    assert!(stale.unwrap_err().is_conflict());
    let other = patch(json!({"metadata": {"uid": "x"}})).await.unwrap_err();
    let message =
        "PodDisruptionBudget.policy \"a\" is invalid: metadata.uid: Invalid value: \"x\": field is immutable";
    assert_eq!((other.code, other.message.as_str()), (422, message));
    assert_eq!(
        other.details.unwrap().causes.len(),
        2,
        "as upstream checks it twice"
    );
    let kind = patch(json!({"kind": "Pod"})).await.unwrap_err();
    assert_eq!(kind.code, 422);
    assert!(
        kind.message
            .starts_with(" \"\" is invalid: patch: Invalid value: "),
        "{kind}"
    );
}

#[tokio::test]
async fn unknown_fields_warn_or_refuse() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let patch = async |field_validation: FieldValidation| {
        let context = RequestContext {
            field_validation,
            ..cluster.context.clone()
        };
        let patch = merge(json!({"wrong": 1}));
        let patched = cluster.gadgets.patch(&context, "ns", "a", "", patch).await;
        (
            patched.map(|_| ()).map_err(|status| status.message),
            context.warnings.take(),
        )
    };
    assert_eq!(patch(FieldValidation::Ignore).await, (Ok(()), vec![]));
    assert_eq!(
        patch(FieldValidation::Warn).await,
        (Ok(()), vec![String::from("unknown field \"wrong\"")])
    );
    let (strict, _) = patch(FieldValidation::Strict).await;
    assert!(
        strict
            .unwrap_err()
            .ends_with("strict decoding error: unknown field \"wrong\"")
    );
}

#[tokio::test]
async fn keys_that_are_there_twice_are_told_of_once_an_apply_is_done() {
    let cluster = Cluster::start().await;
    let applied = async |field_validation: FieldValidation, manager: &str, spec: &str| {
        let context = RequestContext {
            field_validation,
            ..by(&cluster, manager)
        };
        let head = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: a\n";
        let patch = PatchBody::Apply {
            body: format!("{head}spec: {spec}\n").into(),
            force: false,
        };
        let applied = cluster.gadgets.patch(&context, "ns", "a", "", patch).await;
        let code = applied.map_or_else(|status| status.code, |_| 200);
        (code, context.warnings.take().len())
    };
    let twice = "{minAvailable: 1, minAvailable: 1}";
    let other = "{minAvailable: 2, minAvailable: 2}";
    let unknown = "{minAvailable: 1, minAvailable: 1, wrong: 1}";
    for (validation, manager, spec, expected) in [
        (FieldValidation::Strict, "one", twice, (400, 0)),
        (FieldValidation::Warn, "one", unknown, (500, 0)),
        (FieldValidation::Strict, "one", unknown, (500, 0)),
        (FieldValidation::Warn, "one", twice, (200, 1)),
        (FieldValidation::Ignore, "one", twice, (200, 0)),
        (FieldValidation::Warn, "two", other, (409, 0)),
        (FieldValidation::Strict, "two", other, (409, 0)),
    ] {
        let outcome = applied(validation, manager, spec).await;
        assert_eq!(outcome, expected, "{validation:?} {manager} {spec}");
    }
}

#[tokio::test]
async fn managed_fields_are_true_through_every_verb() {
    let cluster = Cluster::start().await;
    let created = cluster
        .gadgets
        .create(&by(&cluster, "maker"), "ns", labelled("a", json!({"l": "1"})))
        .await;
    let tree = created.unwrap().object.tree();
    let spec = json!({"f:minAvailable": {}, "f:unhealthyPodEvictionPolicy": {}});
    let all = json!({"f:metadata": {"f:labels": {".": {}, "f:l": {}}}, "f:spec": spec});
    let owner = |manager: &str, operation: &str, subresource: &str, fields: Value| {
        (
            manager.to_owned(),
            operation.to_owned(),
            subresource.to_owned(),
            fields,
        )
    };
    assert_eq!(owners(&tree), [owner("maker", "Update", "", all)]);

    let patch = merge(json!({"metadata": {"labels": {"l": "2"}}}));
    let patched = cluster
        .gadgets
        .patch(&by(&cluster, "labeller"), "ns", "a", "", patch)
        .await
        .unwrap();
    let label = json!({"f:metadata": {"f:labels": {"f:l": {}}}});
    let rest = json!({"f:metadata": {"f:labels": {}}, "f:spec": spec});
    let now = owners(&patched.object.tree());
    assert!(now.contains(&owner("labeller", "Update", "", label)), "{now:?}");
    assert!(now.contains(&owner("maker", "Update", "", rest)), "{now:?}");

    let mut status = patched.object.tree();
    status["status"]["currentHealthy"] = 3.into();
    let status = cluster
        .gadgets
        .update(&by(&cluster, "reporter"), "ns", "a", "status", status)
        .await
        .unwrap();
    let now = owners(&status.object.tree());
    let health = json!({"f:status": {"f:currentHealthy": {}}});
    assert!(
        now.contains(&owner("reporter", "Update", "status", health)),
        "{now:?}"
    );

    let scaler = by(&cluster, "scaler");
    let patch = merge(json!({"spec": {"replicas": 9}}));
    let scaled = cluster
        .gadgets
        .patch(&scaler, "ns", "a", "healthy", patch)
        .await
        .unwrap();
    assert_eq!(scaled.object.tree()["spec"]["replicas"], 9);
    let now = owners(&cluster.read("a").await.unwrap());
    let least = json!({"f:spec": {"f:minAvailable": {}}});
    assert!(
        now.contains(&owner("scaler", "Update", "healthy", least)),
        "{now:?}"
    );
}

#[tokio::test]
async fn a_projection_of_what_nobody_owns_has_no_owner_after_a_write() {
    let cluster = Cluster::start().await;
    let mut body = gadget("a");
    body["spec"] = json!({});
    cluster.create(body).await;
    let scaler = by(&cluster, "scaler");
    let patch = merge(json!({"spec": {"replicas": 9}}));
    cluster
        .gadgets
        .patch(&scaler, "ns", "a", "healthy", patch)
        .await
        .unwrap();
    let now = cluster.read("a").await.unwrap();
    assert_eq!(now["spec"]["minAvailable"], 9);
    let is_of_scaler = |owner: &(String, String, String, Value)| owner.0 == "scaler";
    assert!(!owners(&now).iter().any(is_of_scaler), "{now}");
}

#[tokio::test]
async fn applies_create_conflict_and_give_up() {
    let cluster = Cluster::start().await;
    let config = |least: i64| {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "a", "labels": {"x": "y"}},
            "spec": {"minAvailable": least},
        })
    };
    let patch = async |manager: &str, body: PatchBody| {
        cluster
            .gadgets
            .patch(&by(&cluster, manager), "ns", "a", "", body)
            .await
    };
    let first = patch("one", apply(config(1), false)).await.unwrap();
    assert!(first.created);
    assert_eq!(first.object.namespace(), "ns");
    let again = patch("one", apply(config(1), false)).await.unwrap();
    assert_eq!(
        (again.created, version(&again.object)),
        (false, version(&first.object))
    );

    let conflict = patch("two", apply(config(2), false)).await;
    refused(
        conflict,
        409,
        "Apply failed with 1 conflict: conflict with \"one\": .spec.minAvailable",
    );
    let forced = patch("two", apply(config(2), true)).await.unwrap();
    assert_eq!(forced.object.tree()["spec"]["minAvailable"], 2);

    let mut without_label = config(2);
    without_label["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("labels");
    for manager in ["two", "one"] {
        let body = apply(without_label.clone(), true);
        let tree = patch(manager, body).await.unwrap().object.tree();
        assert_eq!(
            tree["metadata"].get("labels").is_none(),
            manager == "one",
            "nobody wants it any more"
        );
    }
    let mut of_other_type = config(1);
    of_other_type["kind"] = "Pod".into();
    refused(
        patch("one", apply(of_other_type, false)).await,
        400,
        "invalid object type: policy/v1, Kind=Pod",
    );
    let mut of_no_type = config(1);
    of_no_type["apiVersion"] = "x/y/z".into();
    refused(
        patch("one", apply(of_no_type, false)).await,
        400,
        "invalid object type: /, Kind=",
    );
    let mut of_other_object = config(1);
    of_other_object["metadata"] = json!({"name": "b", "uid": "u"});
    let missing = cluster
        .gadgets
        .patch(&cluster.context, "ns", "b", "", apply(of_other_object, false))
        .await;
    let mismatch = "Operation cannot be fulfilled on gadgets.policy \"b\": uid mismatch: the provided object specified uid u, \
                    and no existing object was found";
    refused(missing, 409, mismatch);
}

#[tokio::test]
async fn patches_rebase_on_what_others_have_done() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let patches = (0..40).map(|number| {
        let (gadgets, context) = (cluster.gadgets.clone(), cluster.context.clone());
        tokio::spawn(async move {
            let patch = merge(json!({"metadata": {"labels": {format!("l{number}"): "x"}}}));
            gadgets.patch(&context, "ns", "a", "", patch).await.unwrap();
        })
    });
    for patch in patches.collect::<Vec<_>>() {
        patch.await.unwrap();
    }
    let tree = cluster.read("a").await.unwrap();
    assert_eq!(tree["metadata"]["labels"].as_object().unwrap().len(), 40);
}
