//! What happened to a store, revision by revision, as a watch of everything tells it; and whether that is what its clients
//! were answered.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::recording::{Answer, Call, Recorded};
use crate::{Event, Key, KeyRange, KeyValue, Operation, Outcome, Revision, Transaction};

/// Every change after a revision up to another, in order, with what was replaced.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The changes after this revision are here.
    pub after: Revision,
    /// Up to this one.
    pub until: Revision,
    events: Vec<Event>,
}

impl Timeline {
    /// Takes the events that a watch of all keys has told, on top of what was there `after` the revision with which it began.
    /// They must fit together by themselves: each event on the one before.
    pub fn new(
        initial: &[KeyValue],
        after: Revision,
        until: Revision,
        told: &[Event],
    ) -> Result<Self, String> {
        let mut held: BTreeMap<Key, KeyValue> = initial
            .iter()
            .map(|key_value| (key_value.key.clone(), key_value.clone()))
            .collect();
        let mut place = after;
        let mut events = Vec::new();
        for event in told {
            let revision = event.revision();
            if revision != place && revision != place.next() {
                return Err(format!("after revision {place} comes {revision}: {event:?}"));
            }
            place = revision;
            events.push(follow(&mut held, event)?);
        }
        if place != until {
            return Err(format!("the watch stands at {until}, its last event at {place}"));
        }
        Ok(Self { after, until, events })
    }

    /// The changes of a range from a revision on, up to another.
    pub fn of<'a>(
        &'a self,
        range: &'a KeyRange,
        start: Revision,
        until: Revision,
    ) -> impl Iterator<Item = &'a Event> {
        let in_time = move |event: &&Event| event.revision() >= start && event.revision() <= until;
        self.events
            .iter()
            .filter(in_time)
            .filter(|event| range.contains(event.key()))
    }

    /// Whether every change that was acknowledged is here, whole and as it was asked for, and nothing in the range `theirs`
    /// that nobody asked for.
    pub fn explained_by(&self, operations: &[Recorded], theirs: &KeyRange) -> Result<(), String> {
        let mut by_revision: BTreeMap<Revision, Vec<&Event>> = BTreeMap::new();
        for event in &self.events {
            by_revision.entry(event.revision()).or_default().push(event);
        }
        let mut unanswered = Vec::new();
        for operation in operations {
            let Call::Commit(transaction) = &operation.call else {
                continue;
            };
            match &operation.answered {
                None => unanswered.push(transaction),
                Some((_, Answer::Commit(Outcome::Committed { revision }))) => {
                    let events = by_revision.get(revision).map_or(&[][..], |events| events);
                    let is_held = *revision > self.after && *revision <= self.until;
                    if is_made_by(events, transaction) {
                        by_revision.remove(revision);
                    } else if is_held && certainly_changes(transaction) {
                        return Err(format!(
                            "revision {revision} was {transaction:?}, the watch says {events:?}"
                        ));
                    }
                }
                Some(_) => {}
            }
        }
        for (revision, events) in by_revision {
            if events.iter().all(|event| !theirs.contains(event.key())) {
                continue;
            }
            let made_by = |transaction: &&Transaction| is_made_by(&events, transaction);
            let Some(found) = unanswered.iter().position(made_by) else {
                return Err(format!(
                    "nobody asked for what happened at {revision}: {events:?}"
                ));
            };
            unanswered.swap_remove(found);
        }
        Ok(())
    }
}

/// Does what an event says; gives the event with what it replaced.
fn follow(held: &mut BTreeMap<Key, KeyValue>, event: &Event) -> Result<Event, String> {
    let before = held.get(event.key()).cloned();
    let mut event = event.clone();
    match &mut event {
        Event::Put { current, previous } => {
            let created = before
                .as_ref()
                .map_or(current.mod_revision, |before| before.create_revision);
            let version = before.as_ref().map_or(0, |before| before.version) + 1;
            if (current.create_revision, current.version) != (created, version) {
                return Err(format!("{current:?} does not follow on {before:?}"));
            }
            held.insert(current.key.clone(), current.clone());
            *previous = before;
        }
        Event::Delete { key, previous, .. } => {
            if before.is_none() {
                return Err(format!("{key} was deleted, and was not there"));
            }
            held.remove(key);
            *previous = before;
        }
    }
    Ok(event)
}

fn certainly_changes(transaction: &Transaction) -> bool {
    let mut operations = transaction.operations.iter();
    operations.any(|operation| matches!(operation, Operation::Put(_)))
}

/// Whether these are all the events of a transaction. Deletions of absent keys make none.
fn is_made_by(events: &[&Event], transaction: &Transaction) -> bool {
    let wanted: BTreeMap<&Key, Option<&Bytes>> = transaction
        .operations
        .iter()
        .map(|operation| match operation {
            Operation::Put(put) => (&put.key, Some(&put.value)),
            Operation::Delete(key) => (key, None),
        })
        .collect();
    let found: BTreeMap<&Key, Option<&Bytes>> = events
        .iter()
        .map(|event| match event {
            Event::Put { current, .. } => (&current.key, Some(&current.value)),
            Event::Delete { key, .. } => (key, None),
        })
        .collect();
    let all_asked_for = found.iter().all(|(key, value)| wanted.get(key) == Some(value));
    let all_puts_there = wanted
        .iter()
        .filter(|(_, value)| value.is_some())
        .all(|(key, _)| found.contains_key(key));
    !found.is_empty() && all_asked_for && all_puts_there
}
