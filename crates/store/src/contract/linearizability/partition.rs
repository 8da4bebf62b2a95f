//! Taking a history apart into parts that share no key.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::model::{Held, State, Step};
use crate::contract::recording::{Answer, Call, Recorded};
use crate::{Key, KeyRange, KeyValue, Operation, Outcome, Transaction};

/// What no revision reaches: from here on stand the numbers of changes whose revision nobody has seen.
const UNSEEN: u64 = 1 << 63;

/// One operation of a part.
#[derive(Clone, Debug)]
pub(super) struct Timed<'a> {
    pub(super) step: Step,
    pub(super) begun: u64,
    /// `None` if nobody knows whether it took effect.
    pub(super) ended: Option<u64>,
    /// The revision it was answered with, or that of its change, or a number greater than all revisions. A guess at its place.
    pub(super) revision: u64,
    /// For messages.
    pub(super) recorded: &'a Recorded,
}

/// Keys with all operations that touch them.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) keys: Vec<Key>,
    pub(super) initial: State,
    pub(super) operations: Vec<Timed<'a>>,
}

/// Takes a history apart.
pub(super) fn partition<'a>(initial: &[KeyValue], operations: &'a [Recorded]) -> Vec<Part<'a>> {
    let keys = all_keys(initial, operations);
    let mut groups = Groups::new(keys.len());
    for operation in operations {
        for pair in touched(operation, &keys).windows(2) {
            groups.join(pair[0], pair[1]);
        }
    }
    let mut parts: BTreeMap<usize, Part<'a>> = BTreeMap::new();
    // By key: which part it is in, and its number there.
    let mut places = Vec::new();
    for (number, key) in keys.keys().enumerate() {
        let root = groups.root(number);
        let part = parts.entry(root).or_insert_with(|| Part {
            keys: Vec::new(),
            initial: Vec::new(),
            operations: Vec::new(),
        });
        places.push(part.keys.len());
        part.keys.push(key.clone());
        let held = initial.iter().find(|key_value| key_value.key == *key);
        part.initial.push(held.map(Held::of));
    }
    let revisions = seen_revisions(operations);
    for (number, operation) in operations.iter().enumerate() {
        let touched = touched(operation, &keys);
        let Some(first) = touched.first() else { continue };
        let place = |key: &Key| keys.get(key).map(|&key| places[key]);
        let unseen = UNSEEN + number as u64;
        let Some(step) = step(operation, &touched, &keys, &places, &revisions, unseen, place) else {
            continue;
        };
        if let Some(part) = parts.get_mut(&groups.root(*first)) {
            part.operations.push(Timed {
                step,
                begun: operation.begun,
                ended: operation.answered.as_ref().map(|(ended, _)| *ended),
                revision: match operation.answered {
                    Some(_) => super::revision(operation),
                    None => revision_seen(&operation.call, &revisions).unwrap_or(unseen),
                },
                recorded: operation,
            });
        }
    }
    parts.into_values().collect()
}

/// Every key that is named anywhere, with its number.
fn all_keys(initial: &[KeyValue], operations: &[Recorded]) -> BTreeMap<Key, usize> {
    let mut keys: BTreeMap<Key, usize> = initial.iter().map(|held| (held.key.clone(), 0)).collect();
    for operation in operations {
        if let Call::Commit(transaction) = &operation.call {
            keys.extend(named(transaction).map(|key| (key.clone(), 0)));
        }
        keys.extend(answered(operation).map(|held| (held.key.clone(), 0)));
    }
    keys.values_mut()
        .enumerate()
        .for_each(|(number, key)| *key = number);
    keys
}

fn named(transaction: &Transaction) -> impl Iterator<Item = &Key> {
    let preconditions = transaction.preconditions.iter().map(|demanded| &demanded.key);
    preconditions.chain(transaction.operations.iter().map(Operation::key))
}

/// What an answer shows of keys.
fn answered(operation: &Recorded) -> impl Iterator<Item = &KeyValue> {
    let (range, conflict) = match &operation.answered {
        Some((_, Answer::Range(found))) => (&found.key_values[..], &[][..]),
        Some((_, Answer::Commit(Outcome::Conflict { current, .. }))) => (&[][..], &current[..]),
        _ => (&[][..], &[][..]),
    };
    range.iter().chain(conflict.iter().flatten())
}

/// The numbers of the keys an operation touches.
fn touched(operation: &Recorded, keys: &BTreeMap<Key, usize>) -> Vec<usize> {
    match &operation.call {
        Call::Commit(transaction) => named(transaction).map(|key| keys[key]).collect(),
        Call::Range(range) => in_range(range, keys).collect(),
    }
}

fn in_range<'a>(range: &'a KeyRange, keys: &'a BTreeMap<Key, usize>) -> impl Iterator<Item = usize> + 'a {
    let held = keys.iter().filter(|(key, _)| range.contains(key));
    held.map(|(_, number)| *number)
}

/// By key and value: the revision it was seen with. So the revision is known of a change that nobody was answered for.
fn seen_revisions(operations: &[Recorded]) -> HashMap<(Key, Bytes), u64> {
    let seen = operations.iter().flat_map(answered);
    seen.map(|held| ((held.key.clone(), held.value.clone()), held.mod_revision.get()))
        .collect()
}

/// What an operation did. `None` if it had no effect that could be known: a read without an answer.
fn step(
    operation: &Recorded,
    touched: &[usize],
    keys: &BTreeMap<Key, usize>,
    places: &[usize],
    revisions: &HashMap<(Key, Bytes), u64>,
    unseen: u64,
    place: impl Fn(&Key) -> Option<usize>,
) -> Option<Step> {
    match (&operation.call, &operation.answered) {
        (Call::Range(_), None) => None,
        (Call::Range(_), Some((_, Answer::Range(found)))) => {
            let by_key: HashMap<usize, &KeyValue> = found
                .key_values
                .iter()
                .map(|held| (keys[&held.key], held))
                .collect();
            let seen = touched
                .iter()
                .map(|key| (places[*key], by_key.get(key).map(|held| Held::of(held))));
            Some(Step::Seen(seen.collect()))
        }
        (Call::Commit(transaction), answered) => {
            let demanded = transaction.preconditions.iter();
            let preconditions = demanded
                .filter_map(|demanded| Some((place(&demanded.key)?, demanded.mod_revision.get())))
                .collect();
            match answered {
                Some((_, Answer::Commit(Outcome::Conflict { current, .. }))) => Some(Step::Refused {
                    preconditions,
                    found: current.iter().map(|held| held.as_ref().map(Held::of)).collect(),
                }),
                Some((_, Answer::Commit(Outcome::Committed { revision }))) => Some(Step::Changed {
                    preconditions,
                    changes: changes(transaction, &place),
                    revision: revision.get(),
                }),
                None => Some(Step::Changed {
                    preconditions,
                    changes: changes(transaction, &place),
                    revision: revision_seen(&operation.call, revisions).unwrap_or(unseen),
                }),
                Some((_, Answer::Range(_))) => None,
            }
        }
        (Call::Range(_), Some((_, Answer::Commit(_)))) => None,
    }
}

fn changes(transaction: &Transaction, place: impl Fn(&Key) -> Option<usize>) -> Vec<(usize, Option<Bytes>)> {
    let changes = transaction.operations.iter().filter_map(|operation| {
        let value = match operation {
            Operation::Put(put) => Some(put.value.clone()),
            Operation::Delete(_) => None,
        };
        Some((place(operation.key())?, value))
    });
    changes.collect()
}

fn revision_seen(call: &Call, revisions: &HashMap<(Key, Bytes), u64>) -> Option<u64> {
    let Call::Commit(transaction) = call else {
        return None;
    };
    transaction
        .operations
        .iter()
        .find_map(|operation| match operation {
            Operation::Put(put) => revisions.get(&(put.key.clone(), put.value.clone())).copied(),
            Operation::Delete(_) => None,
        })
}

/// Which numbers belong together.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    fn root(&mut self, mut number: usize) -> usize {
        while self.parents[number] != number {
            self.parents[number] = self.parents[self.parents[number]];
            number = self.parents[number];
        }
        number
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}
