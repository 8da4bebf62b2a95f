//! Whether there is an order in which one store, doing one operation after the other, would have given every answer that was
//! given, and which no operation leaves the time between its beginning and its answer for.
//!
//! The search is that of Wing and Gong (Testing and verifying concurrent objects, 1993) with Lowe's memory of what was tried
//! (Testing for linearizability, 2017). Operations that share no key, not even through others, can be looked at by themselves,
//! since linearizability is a local property (Herlihy and Wing, 1990); transactions and ranges over several keys keep these
//! keys together. The revision counter is what all keys share, so it has a check of its own: [`check_revisions`].

mod model;
mod partition;
mod search;

use std::collections::HashSet;

use crate::{KeyValue, Operation, Outcome};

use super::recording::{Answer, Call, Recorded};

pub use search::Stuck;

/// Finds such an order, for a store that held `initial` before; an error says where there is none.
pub fn check(initial: &[KeyValue], operations: &[Recorded]) -> Result<(), String> {
    check_revisions(operations)?;
    for part in partition::partition(initial, operations) {
        search::search(&part).map_err(|stuck| stuck.to_string())?;
    }
    Ok(())
}

/// Whether revisions follow time: what begins after an answer sees its revision or a later one, a change takes a later one,
/// and no two changes have the same.
pub fn check_revisions(operations: &[Recorded]) -> Result<(), String> {
    let mut times = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        if let Some((ended, _)) = operation.answered {
            times.extend([(operation.begun, number, false), (ended, number, true)]);
        }
    }
    times.sort_unstable();
    let (mut seen, mut floors, mut taken) = (0, vec![0; operations.len()], HashSet::new());
    for (_, number, is_end) in times {
        let operation = &operations[number];
        if !is_end {
            floors[number] = seen;
            continue;
        }
        let (revision, changes) = (revision(operation), certainly_changes(operation));
        if revision < floors[number] + u64::from(changes) {
            return Err(format!(
                "revision {revision}, but {} was answered before it began: {operation:?}",
                floors[number]
            ));
        }
        if changes && !taken.insert(revision) {
            return Err(format!("revision {revision} was taken before: {operation:?}"));
        }
        seen = seen.max(revision);
    }
    Ok(())
}

/// The revision an operation was answered with.
fn revision(operation: &Recorded) -> u64 {
    match &operation.answered {
        Some((_, Answer::Range(found))) => found.revision.get(),
        Some((_, Answer::Commit(Outcome::Committed { revision } | Outcome::Conflict { revision, .. }))) => {
            revision.get()
        }
        None => 0,
    }
}

/// Whether an operation has changed something, whatever was there: a put does, a deletion may.
fn certainly_changes(operation: &Recorded) -> bool {
    let Some((_, Answer::Commit(Outcome::Committed { .. }))) = &operation.answered else {
        return false;
    };
    let Call::Commit(transaction) = &operation.call else {
        return false;
    };
    let is_put = |operation: &Operation| matches!(operation, Operation::Put(_));
    transaction.operations.iter().any(is_put)
}

#[cfg(test)]
mod tests;
