//! Reading ranges now.

use super::harness::*;
use crate::{KeyRange, RangeRequest, Transaction};

/// `pods/` does not hold `pods0` nor `podsecurity`.
pub async fn a_prefix_ends_before_its_sibling(store: Store) {
    put_all(
        &store,
        &["pods", "pods/a", "pods/b/c", "pods0", "podsecurity/a", "poda"],
    )
    .await;
    assert_eq!(
        names(&store, KeyRange::prefix("pods/")).await,
        ["pods/a", "pods/b/c"]
    );
}

/// It goes to the last key.
pub async fn a_prefix_of_the_last_byte_has_no_end(store: Store) {
    for key in [&b"\xfe"[..], b"\xff", b"\xff\xff\x01"] {
        commit(&store, Transaction::new().put(key.into(), bytes("v"))).await;
    }
    let request = RangeRequest::new(KeyRange::prefix(&b"\xff"[..]));
    assert_eq!(range(&store, request).await.count, 2);
}

/// And includes its start.
pub async fn between_excludes_its_end(store: Store) {
    put_all(&store, &["a", "b", "c", "d"]).await;
    assert_eq!(names(&store, KeyRange::between("b", "d")).await, ["b", "c"]);
    assert_eq!(names(&store, KeyRange::between("aa", "c\0")).await, ["b", "c"]);
}

/// From its start on.
pub async fn an_open_range_goes_to_the_last_key(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    assert_eq!(names(&store, KeyRange::from("b")).await, ["b", "c"]);
    assert_eq!(names(&store, KeyRange::all()).await, ["a", "b", "c"]);
}

/// Nothing but it.
pub async fn a_single_key_is_a_range(store: Store) {
    put_all(&store, &["a", "aa", "b"]).await;
    assert_eq!(names(&store, KeyRange::single("a".into())).await, ["a"]);
    assert_eq!(names(&store, KeyRange::single("c".into())).await, [""; 0]);
}

/// It is not an error.
pub async fn a_backward_range_is_empty(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    for range in [KeyRange::between("c", "a"), KeyRange::between("b", "b")] {
        assert_eq!(names(&store, range).await, [""; 0]);
    }
}

/// Not in the order they were put.
pub async fn keys_come_in_the_order_of_their_bytes(store: Store) {
    put_all(&store, &["b", "a", "a/b", "a-b", "B", "ab"]).await;
    assert_eq!(
        names(&store, KeyRange::all()).await,
        ["B", "a", "a-b", "a/b", "ab", "b"]
    );
}

/// And how many there are in all.
pub async fn a_limit_says_whether_there_is_more(store: Store) {
    put_all(&store, &["a", "b", "c", "d"]).await;
    let answer = range(&store, RangeRequest::new(KeyRange::between("a", "d")).limit(2)).await;
    assert_eq!(key_names(&answer.key_values), ["a", "b"]);
    assert!(answer.more);
    assert_eq!(answer.count, 3);
}

/// Keys after the range do not count.
pub async fn a_limit_of_all_keys_leaves_no_more(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    let answer = range(&store, RangeRequest::new(KeyRange::between("a", "c")).limit(2)).await;
    assert_eq!(key_names(&answer.key_values), ["a", "b"]);
    assert!(!answer.more);
    assert_eq!(answer.count, 2);
}

/// It is a limit like any other.
pub async fn a_limit_of_zero_only_counts(store: Store) {
    put_all(&store, &["a", "b"]).await;
    let answer = range(&store, RangeRequest::new(KeyRange::all()).limit(0)).await;
    assert_eq!((answer.key_values.len(), answer.more, answer.count), (0, true, 2));
    let answer = range(&store, RangeRequest::new(KeyRange::prefix("c")).limit(0)).await;
    assert_eq!(
        (answer.key_values.len(), answer.more, answer.count),
        (0, false, 0)
    );
}

/// Whatever is written between them.
pub async fn pages_at_one_revision_fit_together(store: Store) {
    for number in 0..50 {
        commit(
            &store,
            Transaction::new().put(numbered("k", number), bytes("old")),
        )
        .await;
    }
    let mut request = RangeRequest::new(KeyRange::prefix("k")).limit(7);
    let mut pages = Vec::new();
    for page in 0.. {
        let answer = range(&store, request.clone()).await;
        assert_eq!(answer.count, 50 - pages.len());
        request = request.at(answer.revision);
        pages.extend(answer.key_values);
        if !answer.more {
            break;
        }
        request.range.start = pages
            .last()
            .expect("a page with more is not empty")
            .key
            .successor();
        commit(
            &store,
            Transaction::new().put(numbered("k", 100 + page), bytes("new")),
        )
        .await;
        commit(
            &store,
            Transaction::new().put(numbered("k", 49 - page), bytes("new")),
        )
        .await;
        commit(&store, Transaction::new().delete(numbered("k", 30))).await;
    }
    assert_eq!(pages.len(), 50);
    assert!(pages.iter().all(|key_value| key_value.value == "old"));
}

/// All the rest of a key is there.
pub async fn keys_only_leaves_values_out(store: Store) {
    put(&store, "a", "1").await;
    let revision = put(&store, "a", "2").await;
    let answer = range(&store, RangeRequest::new(KeyRange::all()).keys_only()).await;
    let [found] = &answer.key_values[..] else {
        panic!("expected one key, got {answer:?}")
    };
    assert_eq!(
        (found.value.len(), found.mod_revision, found.version),
        (0, revision, 2)
    );
}

/// A limit does not matter.
pub async fn count_only_leaves_keys_out(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    for request in [
        RangeRequest::new(KeyRange::from("b")).count_only(),
        RangeRequest::new(KeyRange::from("b")).count_only().limit(1),
    ] {
        let answer = range(&store, request).await;
        assert_eq!(
            (answer.key_values.len(), answer.more, answer.count),
            (0, false, 2)
        );
    }
}

/// Nor counted.
pub async fn deleted_keys_are_not_in_it(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    delete(&store, "b").await;
    let answer = range(&store, RangeRequest::new(KeyRange::all()).limit(2)).await;
    assert_eq!(key_names(&answer.key_values), ["a", "c"]);
    assert_eq!((answer.more, answer.count), (false, 2));
}

/// Also when it is empty.
pub async fn the_answer_names_the_revision_read(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "b", "1").await;
    let now = range(&store, RangeRequest::new(KeyRange::prefix("x"))).await;
    let then = range(&store, RangeRequest::new(KeyRange::all()).at(first)).await;
    assert_eq!((now.revision, then.revision), (second, first));
}

/// In order, each once.
pub async fn thousands_of_keys_come_back(store: Store) {
    for chunk in 0..30 {
        let transaction = (0..100).fold(Transaction::new(), |transaction, number| {
            transaction.put(numbered("k", chunk * 100 + number), bytes("v"))
        });
        commit(&store, transaction).await;
    }
    let answer = range(&store, RangeRequest::new(KeyRange::prefix("k"))).await;
    assert_eq!(
        (answer.key_values.len(), answer.count, answer.more),
        (3000, 3000, false)
    );
    assert!(
        answer
            .key_values
            .iter()
            .enumerate()
            .all(|(number, found)| found.key == numbered("k", number))
    );
}
