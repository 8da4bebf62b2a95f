//! Many at once.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::harness::*;
use crate::{Event, KeyRange, Outcome, RangeRequest, Revision, StoreError, Transaction};

/// Exactly one.
pub async fn one_of_many_creates_wins(store: Store) {
    let creates = (0..32).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let create = Transaction::create("a".into(), bytes(&number.to_string()));
            (number, store.commit(create).await.expect("it is answered"))
        })
    });
    let outcomes: Vec<_> = join_all(creates)
        .await
        .into_iter()
        .map(|joined| joined.expect("no panic"))
        .collect();
    let winners: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.committed().is_some())
        .collect();
    assert_eq!(winners.len(), 1);
    let winner = winners[0].0.to_string();
    assert_eq!(value(&store, "a").await, Some(winner.clone()));
    for (_, outcome) in &outcomes {
        if let Outcome::Conflict { current, .. } = outcome {
            let found = current[0].as_ref().expect("the loser sees the winner");
            assert_eq!(text(&found.value), winner);
        }
    }
}

/// Read, add one, compare and swap, again on conflict.
pub async fn no_update_is_lost(store: Store) {
    put(&store, "counter", "0").await;
    let workers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                increment(&store).await;
            }
        })
    });
    for joined in join_all(workers).await {
        joined.expect("no panic");
    }
    let found = get(&store, "counter").await.expect("it was put");
    assert_eq!(text(&found.value), "200");
    assert_eq!(found.version, 201);
}

/// One that fails is no matter to the others, and the answers are in the order of the transactions.
pub async fn what_comes_together_stands_alone(store: Store) {
    let before = put(&store, "taken", "0").await;
    let transactions = vec![
        Transaction::create("a".into(), bytes("1")),
        Transaction::create("taken".into(), bytes("2")),
        Transaction::new().put("".into(), bytes("3")),
        Transaction::new().put("b".into(), bytes("4")),
        Transaction::delete_at("other".into(), put(&store, "other", "5").await),
    ];
    let outcomes = store.commit_each(transactions).await;
    let [created, refused, invalid, put, deleted] = &outcomes[..] else {
        panic!("as many answers as transactions: {outcomes:?}");
    };
    let revision = |outcome: &Result<Outcome, StoreError>| outcome.as_ref().ok()?.committed();
    let revisions: BTreeSet<_> = [created, put, deleted].map(revision).into();
    assert_eq!(revisions.len(), 3, "each has one of its own: {outcomes:?}");
    assert!(revisions.iter().all(|revision| *revision > Some(before)));
    assert!(matches!(refused, Ok(Outcome::Conflict { .. })), "{refused:?}");
    assert!(matches!(invalid, Err(StoreError::Invalid(_))), "{invalid:?}");
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
    assert_eq!(value(&store, "b").await.as_deref(), Some("4"));
    assert!(store.commit_each(Vec::new()).await.is_empty());
}

async fn increment(store: &Store) {
    let mut found = get(store, "counter").await.expect("it was put");
    loop {
        let count: u64 = text(&found.value).parse().expect("it is a number");
        let update = Transaction::update(
            "counter".into(),
            found.mod_revision,
            bytes(&(count + 1).to_string()),
        );
        match store.commit(update).await.expect("it is answered") {
            Outcome::Committed { .. } => return,
            Outcome::Conflict { current, .. } => {
                found = current.into_iter().flatten().next().expect("nobody deletes it");
            }
        }
    }
}

/// As soon as they are answered.
pub async fn own_writes_are_read(store: Store) {
    let workers = (0..16).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = format!("k{worker}");
            for number in 0..20 {
                let written = number.to_string();
                put(&store, &key, &written).await;
                assert_eq!(value(&store, &key).await, Some(written));
            }
        })
    });
    for joined in join_all(workers).await {
        joined.expect("no panic");
    }
}

/// Two keys that always change together always look alike.
pub async fn no_transaction_is_seen_in_part(store: Store) {
    let both = |number: usize| {
        let value = bytes(&number.to_string());
        Transaction::new()
            .put("a".into(), value.clone())
            .put("z".into(), value)
    };
    commit(&store, both(0)).await;
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for number in 1..200 {
            commit(&writer, both(number)).await;
        }
    });
    while !writing.is_finished() {
        let answer = range(&store, RangeRequest::new(KeyRange::all())).await;
        let [a, z] = &answer.key_values[..] else {
            panic!("expected two keys, got {answer:?}")
        };
        assert_eq!((&a.value, a.mod_revision), (&z.value, z.mod_revision));
        assert!(a.mod_revision <= answer.revision);
    }
    writing.await.expect("no panic");
}

/// None twice and none left out.
pub async fn concurrent_commits_take_all_revisions(store: Store) {
    let start = store.current_revision().get();
    let workers = (0..10).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut revisions = Vec::new();
            for number in 0..20 {
                revisions.push(put(&store, &format!("k{worker}"), &number.to_string()).await);
            }
            assert!(revisions.is_sorted());
            revisions
        })
    });
    let revisions: BTreeSet<Revision> = join_all(workers)
        .await
        .into_iter()
        .flat_map(|joined| joined.expect("no panic"))
        .collect();
    assert_eq!(revisions, (start + 1..=start + 200).map(Revision::new).collect());
}

/// All see every change, in the order of revisions.
pub async fn watches_follow_concurrent_writers(store: Store) {
    let watches = join_all((0..4).map(|_| watch(&store, ""))).await;
    let readers = watches
        .into_iter()
        .map(|mut stream| tokio::spawn(async move { next_events(&mut stream, 200).await }));
    let readers: Vec<_> = readers.collect();
    let writers = (0..10).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..20 {
                put(&store, &format!("k{worker}"), &number.to_string()).await;
            }
        })
    });
    for joined in join_all(writers).await {
        joined.expect("no panic");
    }
    let last = store.current_revision();
    for reader in readers {
        let events = reader.await.expect("no panic");
        assert!(
            events
                .windows(2)
                .all(|pair| pair[1].revision() == pair[0].revision().next())
        );
        assert_eq!(events.last().map(Event::revision), Some(last));
    }
}
