//! What lies in the store: encodings, foreign and broken values, lost connections.

use std::sync::Arc;
use std::time::Duration;

use registry::{ListOptions, PatchBody, StorageEncoding, WatchEvent, WatchOptions, Watcher};
use schema::protobuf::Envelope;
use serde_json::json;
use store::memory::MemoryStore;
use store::{StateStore, Transaction};

use crate::gadgets::{Cluster, KIND, gadget, refused, version};
use crate::unreliable::Unreliable;

async fn put(store: &dyn StateStore, key: &str, value: &[u8]) {
    let put = Transaction::new().put(key.into(), value.to_vec().into());
    store.commit(put).await.unwrap();
}

async fn over(store: &MemoryStore, encoding: StorageEncoding) -> Cluster {
    Cluster::through(Arc::new(store.clone()), store.clone(), encoding).await
}

async fn next(watcher: &mut Watcher) -> WatchEvent {
    let next = tokio::time::timeout(Duration::from_secs(20), watcher.next());
    next.await.expect("in time").expect("an event")
}

#[tokio::test]
async fn objects_are_stored_as_upstream_stores_them() {
    let store = MemoryStore::new();
    let cluster = over(&store, StorageEncoding::Protobuf).await;
    let created = cluster.create(gadget("a")).await;
    let value = async |name: &str| {
        let key = format!("/registry/gadgets/ns/{name}");
        store
            .get(&key.as_str().into(), None)
            .await
            .unwrap()
            .unwrap()
            .value
    };
    let stored = value("a").await;
    let envelope = Envelope::parse(&stored).unwrap();
    assert_eq!(
        (&*envelope.type_meta.api_version, &*envelope.type_meta.kind),
        ("policy/v1", "PodDisruptionBudget")
    );
    let decoded = schema::decode_protobuf(&stored, schema::builtin(&KIND).unwrap()).unwrap();
    assert!(decoded["metadata"].get("resourceVersion").is_none());
    let mut expected = created.tree();
    expected["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("resourceVersion");
    assert_eq!(decoded, expected);

    // Nothing is written for a change that is none, and both encodings are read by whoever writes the other.
    let nothing = PatchBody::Merge(b"{}".as_slice().into());
    let patched = cluster
        .gadgets
        .patch(&cluster.context, "ns", "a", "", nothing.clone())
        .await;
    assert_eq!(version(&patched.unwrap().object), version(&created));
    let other = over(&store, StorageEncoding::Json).await;
    let json = other.create(gadget("b")).await;
    assert!(value("b").await.starts_with(b"{"));
    for (reader, name, object) in [(&other, "a", &created), (&cluster, "b", &json)] {
        assert_eq!(reader.read(name).await.unwrap(), object.tree());
    }
    let unchanged = other.gadgets.patch(&other.context, "ns", "a", "", nothing).await;
    assert_eq!(version(&unchanged.unwrap().object), version(&created));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_harms_nothing_else() {
    let store = MemoryStore::new();
    put(&store, "/registry/gadgets/bad/x", b"\xff garbage").await;
    put(&store, "/registry/gadgets/ns/enc", b"k8s:enc:aescbc:v1:key1:zzz").await;
    let cluster = over(&store, StorageEncoding::Json).await;
    let encrypted = "Internal error occurred: unable to transform key \"/registry/gadgets/ns/enc\": identity transformer \
                     tried to read encrypted data";
    refused(cluster.read("enc").await, 500, encrypted);
    let patch = PatchBody::Merge(b"{}".as_slice().into());
    let patched = cluster
        .gadgets
        .patch(&cluster.context, "ns", "enc", "", patch)
        .await;
    refused(patched, 500, encrypted);
    let list = async |namespace: Option<&str>| cluster.gadgets.list(namespace, &ListOptions::default()).await;
    let named = list(Some("bad")).await.unwrap_err();
    assert!(
        named
            .message
            .contains("\"/registry/gadgets/bad/x\": couldn't get version/kind"),
        "{named:?}"
    );
    assert!(list(None).await.is_err());
    assert!(list(Some("other")).await.unwrap().items.is_empty());
    let graceful = cluster.graceful.create(&cluster.context, "ns", gadget("g")).await;
    graceful.unwrap();

    // Whoever watches is told, and may begin again once it is repaired.
    let mut body = gadget("fine");
    body["metadata"]["namespace"] = "other".into();
    cluster
        .gadgets
        .create(&cluster.context, "other", body)
        .await
        .unwrap();
    let mut watcher = cluster
        .gadgets
        .watch(Some("other"), &WatchOptions::default())
        .await
        .unwrap();
    assert!(matches!(next(&mut watcher).await, WatchEvent::Added(_)));
    put(&store, "/registry/gadgets/other/fine", b"k8s\0\xff").await;
    let WatchEvent::Error(status) = next(&mut watcher).await else {
        panic!("no error")
    };
    assert!(
        status.message.contains("/registry/gadgets/other/fine"),
        "{status:?}"
    );
    assert!(watcher.next().await.is_none());
    let repaired = br#"{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"namespace":"other","name":"fine"}}"#;
    put(&store, "/registry/gadgets/other/fine", repaired).await;
    assert_eq!(list(Some("other")).await.unwrap().items.len(), 1);
    store
        .commit(Transaction::new().delete("/registry/gadgets/ns/enc".into()))
        .await
        .unwrap();
    assert!(cluster.read("enc").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_broken_line_costs_no_watcher_its_place() {
    let line = Arc::new(Unreliable::new(MemoryStore::new()));
    let cluster = Cluster::through(line.clone(), line.store.clone(), StorageEncoding::Json).await;
    let mut watcher = cluster
        .gadgets
        .watch(None, &WatchOptions::default())
        .await
        .unwrap();
    cluster.create(gadget("a")).await;
    assert!(matches!(next(&mut watcher).await, WatchEvent::Added(_)));
    line.cut();
    // Writes go on, and are seen by who comes back.
    cluster.create(gadget("b")).await;
    line.mend();
    let seen = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
    assert_eq!(seen.items.len(), 2, "a list waits for the line");
    let WatchEvent::Added(object) = next(&mut watcher).await else {
        panic!("not added")
    };
    assert_eq!(object.name(), "b");
}

#[tokio::test]
async fn history_that_went_meanwhile_is_read_anew() {
    let line = Arc::new(Unreliable::new(MemoryStore::new()));
    let cluster = Cluster::through(line.clone(), line.store.clone(), StorageEncoding::Json).await;
    let mut watcher = cluster
        .gadgets
        .watch(None, &WatchOptions::default())
        .await
        .unwrap();
    line.cut();
    cluster.create(gadget("a")).await;
    let newest = cluster.create(gadget("b")).await;
    line.compact(store::Revision::new(version(&newest)))
        .await
        .unwrap();
    line.mend();
    assert_eq!(cluster.read("b").await.unwrap(), newest.tree());
    let WatchEvent::Error(status) = next(&mut watcher).await else {
        panic!("not lost")
    };
    assert_eq!(status.code, 410);
    assert_eq!(json!(status.reason), json!("Expired"));
}
