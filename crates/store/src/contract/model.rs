//! Comparing a store with the reference model, step by step, over random operations.
//!
//! A backend's test draws a list of [`actions`] and hands it to [`compare`]. Keys are few and short, so that
//! most operations meet keys that exist, and revisions are drawn by how far they lie back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use proptest::prelude::*;
use proptest::sample::select;

use super::harness::{Store, next};
use crate::{
    Event, Key, KeyRange, MemoryStore, Operation, Precondition, Projection, Put, QuietRange, RangeRequest,
    Revision, StoreError, Transaction, WatchRequest, WatchStream,
};

/// A backend under comparison.
#[async_trait]
pub trait Subject: Send {
    /// The store as it is open now.
    fn store(&self) -> Store;

    /// Closes the store and opens it again, if it is one that can be.
    async fn restart(&mut self) {}
}

/// One step of a comparison.
#[derive(Clone, Debug)]
pub enum Action {
    /// Commits.
    Commit {
        /// Keys, and what is demanded of them.
        preconditions: Vec<(Key, Demand)>,
        /// Ranges, and since how many revisions they must be quiet.
        quiet_ranges: Vec<(KeyRange, i64)>,
        /// What is done.
        operations: Vec<Operation>,
    },
    /// Reads.
    Range {
        /// Which keys.
        range: KeyRange,
        /// How many revisions back, if not now. Negative ones lie in the future.
        back: Option<i64>,
        /// At most so many.
        limit: Option<usize>,
        /// What of them.
        projection: Projection,
    },
    /// Compacts.
    Compact {
        /// How many revisions back.
        back: i64,
    },
    /// Opens a watch and reads it to the present.
    Watch {
        /// Which keys.
        range: KeyRange,
        /// How many revisions back it starts, if not now.
        back: Option<i64>,
        /// With previous values or without.
        previous: bool,
    },
    /// Opens a watch that is read when the comparison ends or the store is restarted.
    LeaveWatch {
        /// Which keys.
        range: KeyRange,
    },
    /// Takes a snapshot.
    Snapshot,
    /// Closes the store and opens it again.
    Restart,
}

/// What a precondition demands.
#[derive(Clone, Copy, Debug)]
pub enum Demand {
    /// That the key is absent.
    Absence,
    /// The revision the key has.
    Current,
    /// A revision the key does not have, most likely.
    Back(i64),
}

/// Lists of random actions.
pub fn actions(length: usize) -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(action(), 1..length)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (prop::collection::vec((key(), demand()), 0..3), quiet_ranges(), operations()).prop_map(
            |(preconditions, quiet_ranges, operations)| Action::Commit { preconditions, quiet_ranges, operations }
        ),
        6 => (range(), prop::option::of(-2..12_i64), prop::option::of(0..6_usize), projection())
            .prop_map(|(range, back, limit, projection)| Action::Range { range, back, limit, projection }),
        1 => (-1..10_i64).prop_map(|back| Action::Compact { back }),
        2 => (range(), prop::option::of(-1..12_i64), any::<bool>())
            .prop_map(|(range, back, previous)| Action::Watch { range, back, previous }),
        1 => range().prop_map(|range| Action::LeaveWatch { range }),
        1 => Just(Action::Snapshot),
        1 => Just(Action::Restart),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    select(vec!["a", "a/", "a/b", "a/b/c", "a0", "b", "b/x", "\u{7f}"]).prop_map(Key::from)
}

fn demand() -> impl Strategy<Value = Demand> {
    prop_oneof![
        2 => Just(Demand::Absence),
        4 => Just(Demand::Current),
        1 => (-1..5_i64).prop_map(Demand::Back),
    ]
}

fn quiet_ranges() -> impl Strategy<Value = Vec<(KeyRange, i64)>> {
    prop_oneof![
        5 => Just(Vec::new()),
        1 => prop::collection::vec((range(), -1..8_i64), 1..3),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let value = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let hours = prop::option::weighted(
        0.2,
        (1..9_u64).prop_map(|hours| Duration::from_secs(hours * 3600)),
    );
    let put = (key(), value, hours).prop_map(|(key, value, time_to_live)| {
        Operation::Put(Put {
            key,
            value,
            time_to_live,
        })
    });
    prop::collection::vec(
        prop_oneof![3 => put, 2 => key().prop_map(Operation::Delete)],
        0..4,
    )
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        Just(KeyRange::all()),
        key().prop_map(KeyRange::prefix),
        key().prop_map(KeyRange::single),
        key().prop_map(KeyRange::from),
        (key(), key()).prop_map(|(start, end)| KeyRange::between(start, end)),
    ]
}

fn projection() -> impl Strategy<Value = Projection> {
    select(vec![
        Projection::KeysAndValues,
        Projection::KeysOnly,
        Projection::CountOnly,
    ])
}

/// Does every action to the subject and to the model, and panics where they differ.
pub async fn compare(subject: &mut dyn Subject, actions: Vec<Action>) {
    let model = MemoryStore::starting_at(subject.store().current_revision());
    let mut pair = Pair {
        model: std::sync::Arc::new(model),
        subject,
        left: Vec::new(),
    };
    for (step, action) in actions.into_iter().enumerate() {
        let told = format!("step {step}: {action:?}");
        pair.step(action, &told).await;
        let revisions = |store: &Store| (store.current_revision(), store.compacted_revision());
        assert_eq!(revisions(&pair.subject.store()), revisions(&pair.model), "{told}");
    }
    pair.read_left("at the end").await;
}

struct Pair<'a> {
    model: Store,
    subject: &'a mut dyn Subject,
    /// Watches that were left: the subject's and the model's.
    left: Vec<(WatchStream, WatchStream)>,
}

impl Pair<'_> {
    async fn step(&mut self, action: Action, told: &str) {
        let store = self.subject.store();
        match action {
            Action::Commit {
                preconditions,
                quiet_ranges,
                operations,
            } => {
                let quiet = |(range, back)| QuietRange {
                    range,
                    since: self.back(back),
                };
                let transaction = Transaction {
                    preconditions: self.resolve(preconditions).await,
                    quiet_ranges: quiet_ranges.into_iter().map(quiet).collect(),
                    operations,
                };
                let found = store.commit(transaction.clone()).await;
                assert_same(found, self.model.commit(transaction).await, told);
            }
            Action::Range {
                range,
                back,
                limit,
                projection,
            } => {
                let at = back.map(|back| self.back(back));
                let request = RangeRequest {
                    range,
                    at,
                    limit,
                    projection,
                };
                assert_same(
                    store.range(request.clone()).await,
                    self.model.range(request).await,
                    told,
                );
            }
            Action::Compact { back } => {
                let revision = self.back(back);
                assert_same(
                    store.compact(revision).await,
                    self.model.compact(revision).await,
                    told,
                );
            }
            Action::Watch {
                range,
                back,
                previous,
            } => {
                let request = WatchRequest {
                    range,
                    start: back.map(|back| self.back(back)),
                    previous,
                };
                match (
                    store.watch(request.clone()).await,
                    self.model.watch(request).await,
                ) {
                    (Ok(found), Ok(expected)) => self.assert_same_events(found, expected, told).await,
                    (found, expected) => assert_same(found.map(|_| ()), expected.map(|_| ()), told),
                }
            }
            Action::LeaveWatch { range } => {
                let request = WatchRequest::new(range).with_previous();
                let found = store.watch(request.clone()).await.expect(told);
                self.left
                    .push((found, self.model.watch(request).await.expect(told)));
            }
            Action::Snapshot => self.assert_same_snapshot(told).await,
            Action::Restart => {
                self.read_left(told).await;
                drop(store);
                self.subject.restart().await;
            }
        }
    }

    fn back(&self, back: i64) -> Revision {
        Revision::new(self.model.current_revision().get().saturating_add_signed(-back))
    }

    async fn resolve(&self, demands: Vec<(Key, Demand)>) -> Vec<Precondition> {
        let mut preconditions = Vec::new();
        for (key, demand) in demands {
            let mod_revision = match demand {
                Demand::Absence => Revision::ZERO,
                Demand::Back(back) => self.back(back),
                Demand::Current => {
                    let found = self.model.get(&key, None).await.expect("the model reads");
                    found.map_or(Revision::ZERO, |key_value| key_value.mod_revision)
                }
            };
            preconditions.push(Precondition { key, mod_revision });
        }
        preconditions
    }

    async fn read_left(&mut self, told: &str) {
        for (found, expected) in std::mem::take(&mut self.left) {
            self.assert_same_events(found, expected, told).await;
        }
    }

    /// Reads both watches to the present.
    async fn assert_same_events(&self, found: WatchStream, expected: WatchStream, told: &str) {
        let present = self.model.current_revision();
        let found = events_until(found, present).await;
        match events_until(expected, present).await {
            // A watch may keep its place although it is not read, and need not.
            Err(StoreError::Compacted { .. })
                if matches!(found, Ok(_) | Err(StoreError::Compacted { .. })) => {}
            expected => assert_same(found, expected, told),
        }
    }

    async fn assert_same_snapshot(&self, told: &str) {
        let mut answers = Vec::new();
        for store in [self.subject.store(), self.model.clone()] {
            let snapshot = store.snapshot().await.expect(told);
            let entries: Vec<_> = snapshot.entries.try_collect().await.expect(told);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|entry| (entry.key_value, entry.time_to_live.is_some()))
                .collect();
            answers.push((snapshot.revision, entries));
        }
        assert_eq!(answers[0], answers[1], "{told}");
    }
}

async fn events_until(mut stream: WatchStream, present: Revision) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    stream.progress_requester().request();
    loop {
        let batch = next(&mut stream)
            .await
            .expect("a watch does not end without an error")?;
        events.extend(batch.events);
        if batch.revision >= present {
            return Ok(events);
        }
    }
}

fn assert_same<T: std::fmt::Debug + PartialEq>(
    found: Result<T, StoreError>,
    expected: Result<T, StoreError>,
    told: &str,
) {
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{told}"),
        (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected.to_string(), "{told}"),
        (found, expected) => panic!("{told}: found {found:?}, expected {expected:?}"),
    }
}
