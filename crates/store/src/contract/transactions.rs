//! Preconditions, and changes that go together.

use super::harness::*;
use crate::{KeyRange, Revision, Transaction};

/// It succeeds once.
pub async fn create_needs_absence(store: Store) {
    let revision = commit(&store, Transaction::create("a".into(), bytes("1"))).await;
    let (_, current) = conflict(&store, Transaction::create("a".into(), bytes("2"))).await;
    let found = current[0].as_ref().expect("the key is there");
    assert_eq!((text(&found.value).as_str(), found.mod_revision), ("1", revision));
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
}

/// A stale one is answered with what is there.
pub async fn update_needs_the_revision(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = commit(&store, Transaction::update("a".into(), first, bytes("2"))).await;
    let (seen_at, current) = conflict(&store, Transaction::update("a".into(), first, bytes("3"))).await;
    assert_eq!(seen_at, second);
    assert_eq!(current, [get(&store, "a").await]);
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
}

/// There is nothing to update.
pub async fn update_of_an_absent_key_conflicts(store: Store) {
    let revision = put(&store, "a", "1").await;
    let (_, current) = conflict(&store, Transaction::update("b".into(), revision, bytes("2"))).await;
    assert_eq!(current, [None]);
    assert_eq!(get(&store, "b").await, None);
}

/// As updates do.
pub async fn delete_needs_the_revision(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    let (_, current) = conflict(&store, Transaction::delete_at("a".into(), first)).await;
    assert_eq!(current[0].as_ref().map(|found| found.mod_revision), Some(second));
    commit(&store, Transaction::delete_at("a".into(), second)).await;
    assert_eq!(get(&store, "a").await, None);
    conflict(&store, Transaction::delete_at("a".into(), second)).await;
}

/// It is not an error.
pub async fn a_revision_that_never_was_conflicts(store: Store) {
    let revision = put(&store, "a", "1").await;
    let future = Revision::new(revision.get() + 1000);
    conflict(&store, Transaction::update("a".into(), future, bytes("2"))).await;
}

/// Revision zero means that there is no such key, not that there never was.
pub async fn absence_holds_again_after_a_deletion(store: Store) {
    put(&store, "a", "1").await;
    delete(&store, "a").await;
    commit(&store, Transaction::create("a".into(), bytes("2"))).await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
}

/// One that does not hold is enough.
pub async fn all_preconditions_must_hold(store: Store) {
    let a = put(&store, "a", "1").await;
    let b = put(&store, "b", "1").await;
    let change = |b_revision| {
        Transaction::new()
            .require("a".into(), a)
            .require("b".into(), b_revision)
            .put("a".into(), bytes("2"))
            .put("b".into(), bytes("2"))
    };
    conflict(&store, change(a)).await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
    commit(&store, change(b)).await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
    assert_eq!(value(&store, "b").await.as_deref(), Some("2"));
}

/// All of them are answered, those that held too.
pub async fn a_conflict_answers_in_the_order_of_the_preconditions(store: Store) {
    let b = put(&store, "b", "b").await;
    put(&store, "a", "a").await;
    let transaction = Transaction::new()
        .require("c".into(), Revision::ZERO)
        .require("b".into(), b)
        .require("a".into(), b);
    let (_, current) = conflict(&store, transaction).await;
    let values: Vec<_> = current
        .iter()
        .map(|found| found.as_ref().map(|found| text(&found.value)))
        .collect();
    assert_eq!(values, [None, Some("b".to_owned()), Some("a".to_owned())]);
}

/// A deleted key is answered like one that never was.
pub async fn a_conflict_answers_nothing_for_an_absent_key(store: Store) {
    let revision = put(&store, "a", "1").await;
    delete(&store, "a").await;
    let (_, current) = conflict(&store, Transaction::update("a".into(), revision, bytes("2"))).await;
    assert_eq!(current, [None]);
}

/// That is how a change is fenced by a lease.
pub async fn a_precondition_may_name_an_unchanged_key(store: Store) {
    let lock = put(&store, "lock", "me").await;
    let change = |value| {
        Transaction::new()
            .require("lock".into(), lock)
            .put("a".into(), bytes(value))
    };
    commit(&store, change("1")).await;
    put(&store, "lock", "you").await;
    conflict(&store, change("2")).await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
}

/// Whatever was put there before.
pub async fn a_range_is_quiet_since_its_last_put(store: Store) {
    put(&store, "a/1", "1").await;
    let since = put(&store, "a/2", "1").await;
    put(&store, "b", "elsewhere").await;
    commit(&store, quiet("a/", since).put("done".into(), bytes("1"))).await;
    assert_eq!(value(&store, "done").await.as_deref(), Some("1"));
    commit(&store, quiet("nothing/", Revision::ZERO)).await;
}

/// A key that is new in it, and one that is put again, disturb it.
pub async fn a_put_in_a_range_is_noticed(store: Store) {
    let since = put(&store, "a/1", "1").await;
    for disturbing in ["a/2", "a/1"] {
        put(&store, disturbing, "2").await;
        let (_, current) = conflict(&store, quiet("a/", since).put("done".into(), bytes("1"))).await;
        assert_eq!(current, []);
    }
    assert_eq!(get(&store, "done").await, None);
}

/// Who must know of them names the keys.
pub async fn a_deletion_in_a_range_is_noticed_by_its_key(store: Store) {
    put(&store, "a/1", "1").await;
    let since = put(&store, "a/2", "1").await;
    delete(&store, "a/2").await;
    commit(&store, quiet("a/", since).put("done".into(), bytes("1"))).await;
    let named = quiet("a/", since).require("a/2".into(), since);
    let (_, current) = conflict(&store, named).await;
    assert_eq!(current, [None]);
}

/// Whether they are all keys, those from one on, a single one, or none.
pub async fn any_range_may_have_to_be_quiet(store: Store) {
    let since = put(&store, "k", "1").await;
    put(&store, "m", "2").await;
    for (range, is_quiet) in [
        (KeyRange::all(), false),
        (KeyRange::from("l"), false),
        (KeyRange::from("n"), true),
        (KeyRange::single("m".into()), false),
        (KeyRange::single("k".into()), true),
        (KeyRange::between("z", "a"), true),
    ] {
        let asked = Transaction::new().require_quiet(range.clone(), since);
        let done = store.commit(asked).await.expect("answered");
        assert_eq!(done.committed().is_some(), is_quiet, "{range:?}");
    }
}

/// Of many that each want to be the only one in a range, one is.
pub async fn one_of_many_has_a_range_to_itself(store: Store) {
    let since = store.current_revision();
    let tries = (0..16).map(|number| {
        let store = store.clone();
        let own = quiet("room/", since).put(numbered("room/", number), bytes("1"));
        tokio::spawn(async move { store.commit(own).await.expect("answered").committed().is_some() })
    });
    let mut got_in = 0;
    for done in tries.collect::<Vec<_>>() {
        got_in += usize::from(done.await.expect("no panic"));
    }
    assert_eq!(got_in, 1);
    assert_eq!(names(&store, KeyRange::prefix("room/")).await.len(), 1);
}

fn quiet(prefix: &str, since: Revision) -> Transaction {
    Transaction::new().require_quiet(KeyRange::prefix(prefix), since)
}

/// A transaction may only ask.
pub async fn preconditions_alone_are_judged(store: Store) {
    let revision = put(&store, "a", "1").await;
    let answer = commit(&store, Transaction::new().require("a".into(), revision)).await;
    assert_eq!(answer, revision);
    conflict(&store, Transaction::new().require("a".into(), Revision::ZERO)).await;
}

/// Then they never hold.
pub async fn preconditions_may_contradict_each_other(store: Store) {
    let revision = put(&store, "a", "1").await;
    let transaction = Transaction::new()
        .require("a".into(), revision)
        .require("a".into(), Revision::ZERO)
        .put("a".into(), bytes("2"));
    let (_, current) = conflict(&store, transaction).await;
    assert_eq!(current.len(), 2);
    assert_eq!(current[0], current[1]);
}

/// Whether the key is there or not.
pub async fn without_preconditions_it_always_succeeds(store: Store) {
    put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    put(&store, "a", "3").await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("3"));
}

/// A rename is both or neither.
pub async fn puts_and_deletes_go_together(store: Store) {
    let old = put(&store, "old", "1").await;
    let rename = Transaction::new()
        .require("old".into(), old)
        .require("new".into(), Revision::ZERO)
        .put("new".into(), bytes("1"))
        .delete("old".into());
    let revision = commit(&store, rename.clone()).await;
    assert_eq!(names(&store, KeyRange::all()).await, ["new"]);
    let before = Revision::new(revision.get() - 1);
    assert_eq!(value_at(&store, "old", before).await.as_deref(), Some("1"));
    assert_eq!(value_at(&store, "new", before).await, None);
    conflict(&store, rename).await;
    assert_eq!(names(&store, KeyRange::all()).await, ["new"]);
}

/// The other changes are made.
pub async fn an_absent_key_does_not_hinder_the_rest(store: Store) {
    let transaction = Transaction::new()
        .delete("absent".into())
        .put("a".into(), bytes("1"));
    let revision = commit(&store, transaction).await;
    assert_eq!(
        get(&store, "a").await.map(|found| found.mod_revision),
        Some(revision)
    );
}

/// Which value should it have?
pub async fn a_key_changed_twice_is_invalid(store: Store) {
    let before = store.current_revision();
    let puts = Transaction::new()
        .put("a".into(), bytes("1"))
        .put("a".into(), bytes("2"));
    expect_invalid(store.commit(puts).await);
    let both = Transaction::new().put("a".into(), bytes("1")).delete("a".into());
    expect_invalid(store.commit(both).await);
    assert_eq!(get(&store, "a").await, None);
    assert_eq!(store.current_revision(), before);
}

/// It could not be told from "before all keys".
pub async fn an_empty_key_is_invalid(store: Store) {
    let before = store.current_revision();
    expect_invalid(store.commit(Transaction::new().put("".into(), bytes("1"))).await);
    expect_invalid(store.commit(Transaction::new().delete("".into())).await);
    assert_eq!(store.current_revision(), before);
}

/// As many as etcd takes by default.
pub async fn many_operations_are_one_revision(store: Store) {
    let before = store.current_revision();
    let transaction = (0..128).fold(Transaction::new(), |transaction, number| {
        transaction.put(numbered("k", number), bytes("v"))
    });
    let revision = commit(&store, transaction).await;
    assert_eq!(revision, before.next());
    let found = range(&store, crate::RangeRequest::new(KeyRange::prefix("k"))).await;
    assert_eq!(found.count, 128);
    assert!(
        found
            .key_values
            .iter()
            .all(|key_value| key_value.mod_revision == revision)
    );
}
