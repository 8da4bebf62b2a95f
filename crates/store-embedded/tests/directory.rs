//! The store in a real directory.

mod support;

use store::{KeyRange, RangeRequest, StateStore, StoreError};
use store_embedded::{EmbeddedStore, Options};
use support::{get, put};

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_belongs_to_one_store() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("state");
    let store = EmbeddedStore::open(&path, Options::default()).expect("the store opens");
    put(&store, "a", "1").await;
    let error = EmbeddedStore::open(&path, Options::default()).expect_err("it is open already");
    let pid = std::process::id();
    let told = format!(
        "the data directory {} is in use by another process (pid {pid})",
        path.display()
    );
    assert_eq!(error.to_string(), told);

    drop(store);
    let store = EmbeddedStore::open(&path, Options::default()).expect("it is free again");
    assert_eq!(get(&store, "a").await.expect("it reads").as_deref(), Some("1"));
    assert_eq!(store.current_revision().get(), 1);
}

#[test]
fn a_directory_that_cannot_be_one_is_told() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("file");
    std::fs::write(&path, "").expect("it can be written");
    let error = EmbeddedStore::open(&path, Options::default()).expect_err("it is a file");
    assert!(
        matches!(&error, StoreError::Io { path: told, .. } if *told == path),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_an_earlier_format_is_read_and_then_one_of_this() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("state");
    let store = EmbeddedStore::open(&path, Options::default()).expect("the store opens");
    put(&store, "a", "1").await;
    drop(store);
    let format = path.join("FORMAT");
    let now = std::fs::read_to_string(&format).expect("it is there");
    let earlier = now.replace("format 2", "format 1");
    assert_ne!(now, earlier);
    std::fs::write(&format, earlier).expect("it can be written");

    let store = EmbeddedStore::open(&path, Options::default()).expect("it opens");
    assert_eq!(get(&store, "a").await.expect("it reads").as_deref(), Some("1"));
    let renewed = std::fs::read_to_string(&format).expect("it is there");
    assert_eq!(renewed, now, "with the same identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_take_little_space_and_come_back() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let object = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"settings","namespace":"shop"},"data":{}}"#;
    let value = object.repeat(100);
    let store = EmbeddedStore::open(directory.path(), Options::default()).expect("the store opens");
    put(&store, "a", &value).await;
    put(&store, "b", &value).await;
    assert!(store.statistics().live_bytes < value.len() as u64 / 10);
    drop(store);
    let store = EmbeddedStore::open(directory.path(), Options::default()).expect("it opens");
    assert_eq!(
        get(&store, "a").await.expect("it reads").as_deref(),
        Some(&value[..])
    );
    let all = store
        .range(RangeRequest::new(KeyRange::all()))
        .await
        .expect("it reads");
    assert!(all.key_values.iter().all(|found| found.value == value));
    assert_eq!(all.count, 2);
}
