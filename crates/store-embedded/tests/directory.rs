//! The store in a real directory.

mod support;

use store::{StateStore, StoreError};
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
