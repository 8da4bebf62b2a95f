//! What is remembered of a key.

use bytes::Bytes;

use super::harness::*;
use crate::{Key, KeyRange, KeyValue, Transaction};

/// Both revisions are the put's.
pub async fn the_first_put_creates(store: Store) {
    let revision = put(&store, "a", "1").await;
    let expected = KeyValue {
        key: "a".into(),
        value: bytes("1"),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
    };
    assert_eq!(get(&store, "a").await, Some(expected));
}

/// The create revision stays, the others go on.
pub async fn later_puts_count_versions(store: Store) {
    let created = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    let last = put(&store, "a", "3").await;
    let found = get(&store, "a").await.expect("it was put");
    assert_eq!(
        (found.create_revision, found.mod_revision, found.version),
        (created, last, 3)
    );
    assert_eq!(found.value, "3");
}

/// A key that comes back is a new key.
pub async fn a_deleted_key_starts_over(store: Store) {
    put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    assert_eq!(get(&store, "a").await, None);
    let again = put(&store, "a", "3").await;
    let found = get(&store, "a").await.expect("it was put");
    assert_eq!(
        (found.create_revision, found.mod_revision, found.version),
        (again, again, 1)
    );
}

/// Also none at all.
pub async fn values_are_any_bytes(store: Store) {
    for value in [&b""[..], b"\0", b"\xff\xfe\0\n", &[0; 4096]] {
        let value = Bytes::copy_from_slice(value);
        commit(&store, Transaction::new().put("a".into(), value.clone())).await;
        assert_eq!(get(&store, "a").await.expect("it was put").value, value);
    }
}

/// Also zeros and the last byte.
pub async fn keys_are_any_bytes(store: Store) {
    let keys: Vec<Key> = [&b"\0"[..], b"\0\0", b"a\0b", b"\xff", b"\xff\xff"]
        .map(Key::from)
        .into();
    for key in &keys {
        commit(
            &store,
            Transaction::new().put(key.clone(), Bytes::copy_from_slice(key)),
        )
        .await;
    }
    for key in &keys {
        let found = store
            .get(key, None)
            .await
            .expect("it can be read")
            .expect("it was put");
        assert_eq!((&found.key, &found.value[..]), (key, key.as_bytes()));
    }
    assert_eq!(names(&store, KeyRange::all()).await.len(), keys.len());
}

/// As large as the largest object of Kubernetes.
pub async fn a_large_value_comes_back(store: Store) {
    let value: Bytes = (0..1_400_000_u32).map(|n| (n % 251) as u8).collect();
    commit(&store, Transaction::new().put("large".into(), value.clone())).await;
    assert!(get(&store, "large").await.expect("it was put").value == value);
}

/// Nor its continuation.
pub async fn a_key_is_not_its_prefix(store: Store) {
    put_all(&store, &["a", "a/b"]).await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("a"));
    assert_eq!(value(&store, "a/b").await.as_deref(), Some("a/b"));
    assert_eq!(value(&store, "a/").await, None);
    delete(&store, "a").await;
    assert_eq!(value(&store, "a/b").await.as_deref(), Some("a/b"));
}

/// Whatever stands beside it.
pub async fn get_finds_nothing_for_an_absent_key(store: Store) {
    assert_eq!(get(&store, "b").await, None);
    put_all(&store, &["a", "c"]).await;
    assert_eq!(get(&store, "b").await, None);
}
