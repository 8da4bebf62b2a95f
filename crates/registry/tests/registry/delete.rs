//! Deleting.

use registry::{
    DeleteOptions, Deleted, ListOptions, Page, Preconditions, Propagation, RequestContext, WatchEvent,
    WatchOptions,
};
use serde_json::{Value, json};

use crate::gadgets::{Cluster, gadget, refused, version};

fn tree(deleted: Deleted) -> Value {
    match deleted {
        Deleted::Gone(object) | Deleted::Waits(object) => object.tree(),
        Deleted::Status(status) => status.to_json(),
    }
}

#[tokio::test]
async fn an_object_without_ties_goes_at_once() {
    let cluster = Cluster::start().await;
    let created = cluster.create(gadget("a")).await;
    let deleted = cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &DeleteOptions::default())
        .await;
    let expected = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "a", "group": "policy", "kind": "gadgets", "uid": created.uid()},
    });
    assert_eq!(tree(deleted.unwrap()), expected);
    assert!(cluster.read("a").await.unwrap_err().is_not_found());
    let again = cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &DeleteOptions::default())
        .await;
    refused(again, 404, "gadgets.policy \"a\" not found");
}

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_gone() {
    let cluster = Cluster::start().await;
    let mut body = gadget("a");
    body["metadata"]["finalizers"] = json!(["example.com/a"]);
    cluster.create(body).await;
    let deleted = cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &DeleteOptions::default())
        .await;
    let mut marked = tree(deleted.unwrap());
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(marked["metadata"]["generation"], 2);
    assert_eq!(cluster.read("a").await.unwrap(), marked);

    let mut more = marked.clone();
    more["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    let refused_update = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "", more)
        .await;
    assert_eq!(refused_update.unwrap_err().code, 422);

    marked["metadata"]["finalizers"] = json!([]);
    let last = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "", marked)
        .await
        .unwrap();
    assert!(!last.created);
    assert!(cluster.read("a").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn propagation_becomes_a_finalizer() {
    let cases = [
        (Some(Propagation::Foreground), Some("foregroundDeletion")),
        (Some(Propagation::Orphan), Some("orphan")),
        (Some(Propagation::Background), None),
        (None, None),
    ];
    let cluster = Cluster::start().await;
    for (propagation, finalizer) in cases {
        cluster.create(gadget("a")).await;
        let options = DeleteOptions {
            propagation,
            ..DeleteOptions::default()
        };
        let deleted = tree(
            cluster
                .gadgets
                .delete(&cluster.dry(), "ns", "a", &options)
                .await
                .unwrap(),
        );
        match finalizer {
            Some(finalizer) => assert_eq!(deleted["metadata"]["finalizers"], json!([finalizer])),
            None => assert_eq!(deleted["status"], "Success"),
        }
        assert!(cluster.read("a").await.is_ok(), "a dry run");
        cluster
            .gadgets
            .delete(&cluster.context, "ns", "a", &DeleteOptions::default())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn preconditions_guard_against_the_wrong_object() {
    let cluster = Cluster::start().await;
    let created = cluster.create(gadget("a")).await;
    let (uid, version) = (created.uid(), version(&created));
    let with = |uid: Option<&str>, version: Option<String>| DeleteOptions {
        preconditions: Preconditions {
            uid: uid.map(Into::into),
            resource_version: version,
        },
        ..DeleteOptions::default()
    };
    let wrong_uid = cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &with(Some("x"), None))
        .await;
    let expected = format!(
        "Operation cannot be fulfilled on PodDisruptionBudget.policy \"a\": the UID in the precondition (x) does not match \
         the UID in record ({uid}). The object might have been deleted and then recreated"
    );
    refused(wrong_uid, 409, &expected);
    let wrong_version = cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &with(None, Some("1".into())))
        .await;
    let expected = format!(
        "Operation cannot be fulfilled on PodDisruptionBudget.policy \"a\": the ResourceVersion in the precondition (1) does \
         not match the ResourceVersion in record ({version}). The object might have been modified"
    );
    refused(wrong_version, 409, &expected);
    let right = with(Some(uid), Some(version.to_string()));
    cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &right)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_grace_period_can_only_be_shortened() {
    let cluster = Cluster::start().await;
    let created = cluster
        .graceful
        .create(&cluster.context, "ns", gadget("a"))
        .await
        .unwrap();
    let options = WatchOptions {
        resource_version: version(&created.object).to_string(),
        ..WatchOptions::default()
    };
    let mut watcher = cluster.graceful.watch(Some("ns"), &options).await.unwrap();
    let delete = async |seconds: Option<i64>| {
        let options = DeleteOptions {
            grace_period_seconds: seconds,
            ..DeleteOptions::default()
        };
        tree(
            cluster
                .graceful
                .delete(&cluster.context, "ns", "a", &options)
                .await
                .unwrap(),
        )
    };
    let marked = delete(None).await;
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-02T03:04:35Z");
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(marked["metadata"]["generation"], 2);
    assert_eq!(delete(Some(40)).await, marked, "not lengthened");
    let shorter = delete(Some(10)).await;
    assert_eq!(shorter["metadata"]["deletionTimestamp"], "2026-01-02T03:04:15Z");
    assert_eq!(shorter["metadata"]["generation"], 2);
    let gone = delete(Some(0)).await;
    assert_eq!(gone["metadata"]["deletionGracePeriodSeconds"], 0);

    let mut told = Vec::new();
    while told.last() != Some(&"deleted") {
        told.push(match watcher.next().await.unwrap() {
            WatchEvent::Modified(_) => "modified",
            WatchEvent::Deleted(_) => "deleted",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told, ["modified", "modified", "modified", "deleted"]);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let cluster = Cluster::start().await;
    for name in ["a", "b", "c"] {
        let mut body = gadget(name);
        body["metadata"]["labels"] = json!({"name": name});
        cluster.create(body).await;
    }
    let list = ListOptions {
        label_selector: String::from("name in (a,c)"),
        ..ListOptions::default()
    };
    let options = DeleteOptions::default();
    let page = cluster
        .gadgets
        .delete_collection(&cluster.context, Some("ns"), &options, &list)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 2);
    let left = cluster
        .gadgets
        .list(Some("ns"), &ListOptions::default())
        .await
        .unwrap();
    let left: Vec<_> = left.items.iter().map(|object| object.name()).collect();
    assert_eq!(left, ["b"]);
}

#[tokio::test]
async fn a_collection_is_deleted_page_by_page() {
    let cluster = Cluster::start().await;
    for name in ["a", "b", "c"] {
        cluster.create(gadget(name)).await;
    }
    let list = |limit: u64, token: &str| ListOptions {
        limit,
        continue_token: token.to_owned(),
        ..ListOptions::default()
    };
    let names =
        |page: &Page| -> Vec<String> { page.items.iter().map(|object| object.name().to_owned()).collect() };
    let left = async || names(&cluster.gadgets.list(None, &ListOptions::default()).await.unwrap());
    let options = DeleteOptions::default();
    let delete = async |context: &RequestContext, list: ListOptions| {
        let deleted = cluster
            .gadgets
            .delete_collection(context, Some("ns"), &options, &list)
            .await;
        deleted.unwrap()
    };
    let dry = delete(&cluster.dry(), list(0, "")).await;
    assert_eq!(names(&dry), ["a", "b", "c"]);
    assert_eq!(left().await, ["a", "b", "c"], "a dry run");
    let page = delete(&cluster.context, list(2, "")).await;
    assert_eq!(
        (names(&page), page.remaining),
        (vec!["a".to_owned(), "b".to_owned()], Some(1))
    );
    assert_eq!(left().await, ["c"]);
    let rest = delete(&cluster.context, list(2, &page.continue_token)).await;
    assert_eq!(names(&rest), ["c"]);
    assert!(left().await.is_empty());
    let none = delete(&cluster.context, list(0, "")).await;
    assert!(none.items.is_empty());
}

#[tokio::test]
async fn a_collection_is_deleted_as_its_objects_allow() {
    let cluster = Cluster::start().await;
    let mut held = gadget("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create(held).await;
    cluster.create(gadget("free")).await;
    let delete = async |options: &DeleteOptions| {
        let list = ListOptions::default();
        cluster
            .gadgets
            .delete_collection(&cluster.context, None, options, &list)
            .await
    };
    // Preconditions hold for every object, which only one can meet.
    let other = DeleteOptions {
        preconditions: Preconditions {
            uid: Some("x".into()),
            resource_version: None,
        },
        ..DeleteOptions::default()
    };
    assert_eq!(delete(&other).await.unwrap_err().code, 409);
    assert!(cluster.read("free").await.is_ok());
    delete(&DeleteOptions::default()).await.unwrap();
    assert!(cluster.read("free").await.unwrap_err().is_not_found());
    let held = cluster.read("held").await.unwrap();
    assert_eq!(held["metadata"]["deletionTimestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(held["metadata"]["deletionGracePeriodSeconds"], 0);
}

#[tokio::test]
async fn nothing_new_holds_what_is_on_its_way() {
    let cluster = Cluster::start().await;
    let mut held = gadget("a");
    held["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    cluster.create(held).await;
    let options = DeleteOptions::default();
    cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &options)
        .await
        .unwrap();
    let update = async |finalizers: Value, context: &RequestContext| {
        let mut tree = cluster.read("a").await.unwrap();
        tree["metadata"]["finalizers"] = finalizers;
        cluster.gadgets.update(context, "ns", "a", "", tree).await
    };
    let refused = update(json!(["example.com/a", "example.com/c"]), &cluster.context)
        .await
        .unwrap_err();
    assert_eq!(refused.code, 422);
    assert!(
        refused.message.contains(
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{\"example.com/c\"}"
        ),
        "{}",
        refused.message
    );
    update(json!(["example.com/b"]), &cluster.context).await.unwrap();
    update(json!([]), &cluster.dry()).await.unwrap();
    assert!(cluster.read("a").await.is_ok(), "a dry run");
    update(json!([]), &cluster.context).await.unwrap();
    assert!(cluster.read("a").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn propagation_is_chosen_by_options_object_and_kind_in_that_order() {
    const OTHER: &str = "example.com/x";
    let cluster = Cluster::start().await;
    let both = |propagation, orphan_dependents| DeleteOptions {
        propagation,
        orphan_dependents,
        ..DeleteOptions::default()
    };
    let cases: [(Value, DeleteOptions, Value); 8] = [
        (
            json!([OTHER]),
            both(Some(Propagation::Orphan), None),
            json!([OTHER, "orphan"]),
        ),
        (json!([OTHER]), both(None, Some(true)), json!([OTHER, "orphan"])),
        (json!([OTHER]), both(None, Some(false)), json!([OTHER])),
        (
            json!([OTHER]),
            both(Some(Propagation::Foreground), None),
            json!([OTHER, "foregroundDeletion"]),
        ),
        (json!(["orphan"]), both(None, None), json!(["orphan"])),
        (
            json!(["foregroundDeletion", OTHER]),
            both(None, None),
            json!(["foregroundDeletion", OTHER]),
        ),
        (
            json!(["orphan", OTHER]),
            both(Some(Propagation::Background), None),
            json!([OTHER]),
        ),
        (
            json!(["orphan", OTHER]),
            both(Some(Propagation::Foreground), None),
            json!([OTHER, "foregroundDeletion"]),
        ),
    ];
    for (number, (finalizers, options, expected)) in cases.into_iter().enumerate() {
        let name = format!("g{number}");
        let mut body = gadget(&name);
        body["metadata"]["finalizers"] = finalizers.clone();
        cluster.create(body).await;
        let deleted = cluster
            .gadgets
            .delete(&cluster.context, "ns", &name, &options)
            .await
            .unwrap();
        assert_eq!(
            tree(deleted)["metadata"]["finalizers"],
            expected,
            "{finalizers} {options:?}"
        );
    }
    let contradiction = both(Some(Propagation::Orphan), Some(true));
    let refused = cluster
        .gadgets
        .delete(&cluster.context, "ns", "g0", &contradiction)
        .await;
    assert_eq!(refused.unwrap_err().code, 422);
}
