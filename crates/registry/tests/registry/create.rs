//! Creating.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use meta::Reason;
use registry::{ListOptions, PatchBody, StorageEncoding};
use serde_json::json;
use store::StateStore as _;
use store::memory::MemoryStore;

use crate::gadgets::{Cluster, gadget, refused, version};
use crate::unreliable::Unreliable;

#[tokio::test]
async fn a_new_object_gets_what_the_server_adds() {
    let cluster = Cluster::start().await;
    let mut body = gadget("a");
    body["metadata"]["uid"] = "mine".into();
    body["metadata"]["generation"] = 7.into();
    body["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z".into();
    body["status"] = json!({"currentHealthy": 3});
    let created = cluster.create(body).await;
    let tree = created.tree();
    assert_eq!(tree["metadata"]["generation"], 1);
    assert_eq!(tree["metadata"]["creationTimestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(tree["metadata"]["uid"], created.uid());
    assert_ne!(created.uid(), "mine");
    assert_eq!(
        tree["metadata"]["resourceVersion"],
        cluster.revision().to_string()
    );
    assert!(tree["metadata"].get("deletionTimestamp").is_none());
    let owned = tree["metadata"]["managedFields"].to_string();
    assert!(!owned.contains("deletionTimestamp"), "{owned}");
    assert_eq!(tree["spec"]["unhealthyPodEvictionPolicy"], "IfHealthyBudget");
    assert_eq!(tree["status"]["currentHealthy"], 0);
    assert_eq!(cluster.read("a").await.unwrap(), tree);
}

#[tokio::test]
async fn what_exists_is_not_created_again() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let again = cluster.gadgets.create(&cluster.context, "ns", gadget("a")).await;
    refused(again, 409, "gadgets.policy \"a\" already exists");
    let dry = cluster.gadgets.create(&cluster.dry(), "ns", gadget("a")).await;
    refused(dry, 409, "gadgets.policy \"a\" already exists");
}

#[tokio::test]
async fn names_are_generated() {
    let cluster = Cluster::start().await;
    let mut body = gadget("");
    body["metadata"] = json!({"generateName": "g-"});
    let object = cluster
        .gadgets
        .create(&cluster.context, "ns", body)
        .await
        .unwrap()
        .object;
    assert!(
        object.name().starts_with("g-") && object.name().len() == 7,
        "{}",
        object.name()
    );
}

#[tokio::test]
async fn another_name_is_generated_where_one_is_taken() {
    let store = MemoryStore::new();
    let crowded = Arc::new(Unreliable::new(store.clone()));
    let cluster = Cluster::through(crowded.clone(), store, StorageEncoding::Json).await;
    let mut body = gadget("");
    body["metadata"] = json!({"generateName": "g-"});
    let create = async || {
        let created = cluster.gadgets.create(&cluster.context, "ns", body.clone()).await;
        created.map(|written| written.object)
    };
    crowded.overtaken.store(7, Ordering::Relaxed);
    let created = create().await.unwrap();
    assert!(created.name().starts_with("g-"));
    let page = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
    assert_eq!(page.items.len(), 8, "its own, and those of the others");
    // After eight names the server gives up, and says when to try again.
    crowded.overtaken.store(8, Ordering::Relaxed);
    let status = create().await.unwrap_err();
    assert_eq!((status.code, status.reason), (409, Reason::ALREADY_EXISTS));
    assert!(
        status.message.starts_with("gadgets.policy \"g-")
            && status.message.ends_with(
                "already exists, the server was not able to generate a unique name for the object"
            ),
        "{}",
        status.message
    );
    assert_eq!(status.details.unwrap().retry_after_seconds, 1);
    // A name that the client gave is tried once.
    crowded.overtaken.store(1, Ordering::Relaxed);
    let named = cluster.gadgets.create(&cluster.context, "ns", gadget("a")).await;
    refused(named, 409, "gadgets.policy \"a\" already exists");
    // Also then it is told what a prefix is told.
    let mut both = gadget("a");
    both["metadata"]["generateName"] = "g-".into();
    let named = cluster.gadgets.create(&cluster.context, "ns", both).await;
    let status = named.expect_err("the name is taken");
    assert_eq!(
        status.message,
        "gadgets.policy \"a\" already exists, the server was not able to generate a unique name for the object"
    );
    assert_eq!(status.details.unwrap().retry_after_seconds, 1);
}

#[tokio::test]
async fn generated_names_fit() {
    let cluster = Cluster::start().await;
    let mut body = gadget("");
    body["metadata"] = json!({"generateName": "g".repeat(200)});
    let created = cluster
        .gadgets
        .create(&cluster.context, "ns", body.clone())
        .await
        .unwrap();
    assert_eq!(
        created.object.name().len(),
        63,
        "of the prefix only 58 characters count"
    );
    body["metadata"]["name"] = "own".into();
    let created = cluster
        .gadgets
        .create(&cluster.context, "ns", body)
        .await
        .unwrap();
    assert_eq!(created.object.name(), "own");
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let cluster = Cluster::start().await;
    let mut nameless = gadget("a");
    nameless["metadata"] = json!({});
    let mut negative = gadget("a");
    negative["spec"]["minAvailable"] = (-1).into();
    let mut versioned = gadget("a");
    versioned["metadata"]["resourceVersion"] = "5".into();
    let mut elsewhere = gadget("a");
    elsewhere["metadata"]["namespace"] = "other".into();
    let cases = [
        (
            nameless,
            422,
            "PodDisruptionBudget.policy \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            negative,
            422,
            "PodDisruptionBudget.policy \"a\" is invalid: spec.minAvailable: Invalid value: -1: must not be negative",
        ),
        (
            versioned,
            500,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            elsewhere,
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ];
    for (body, code, message) in cases {
        refused(
            cluster.gadgets.create(&cluster.context, "ns", body).await,
            code,
            message,
        );
    }
    let before = cluster.revision();
    let patch = PatchBody::Merge(b"{}".as_slice().into());
    let patched = cluster
        .gadgets
        .patch(&cluster.context, "ns", "none", "", patch)
        .await;
    refused(patched, 404, "gadgets.policy \"none\" not found");
    assert_eq!(cluster.revision(), before);
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace() {
    let cluster = Cluster::start().await;
    let before = cluster.revision();
    let dry = cluster
        .gadgets
        .create(&cluster.dry(), "ns", gadget("a"))
        .await
        .unwrap();
    assert!(dry.created && dry.object.resource_version().is_none());
    assert_eq!(dry.object.tree()["metadata"]["generation"], 1);
    assert_eq!(cluster.revision(), before);
    assert!(cluster.read("a").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_restart_finds_everything_again() {
    let cluster = Cluster::start().await;
    let created = cluster.create(gadget("a")).await;
    let restarted = Cluster::over(cluster.store.clone()).await;
    let found = restarted
        .gadgets
        .get("ns", "a", &Default::default())
        .await
        .unwrap();
    assert_eq!(found.json(), created.json());
    assert_eq!(version(&found), version(&created));
    assert_eq!(found.field("spec.minAvailable"), Some("1"));
}

#[tokio::test]
async fn what_upstream_has_stored_is_read() {
    let store = store::memory::MemoryStore::new();
    let mut body = gadget("a");
    body["status"] =
        json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
    let schema = schema::builtin(&crate::gadgets::KIND).unwrap();
    let protobuf = schema::encode_protobuf(&body, schema).unwrap();
    let json = br#"{"apiVersion":"policy/v1", "kind":"PodDisruptionBudget", "metadata":{"name":"b","namespace":"ns"},"spec":{}}"#;
    for (key, value) in [("a", protobuf), ("b", json.to_vec())] {
        let key = format!("/registry/gadgets/ns/{key}");
        store
            .commit(store::Transaction::create(key.into(), value.into()))
            .await
            .unwrap();
    }
    let cluster = Cluster::over(store).await;
    let found = cluster.read("a").await.unwrap();
    assert_eq!(
        found["spec"],
        json!({"minAvailable": 1, "unhealthyPodEvictionPolicy": "IfHealthyBudget"})
    );
    assert_eq!(
        cluster.read("b").await.unwrap()["metadata"]["resourceVersion"],
        "2"
    );
}
