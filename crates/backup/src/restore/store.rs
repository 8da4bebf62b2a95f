//! A store that counts its revisions itself, as etcd does: keys are put one by one, and then it is made to count on.

use futures::stream::{FuturesUnordered, StreamExt};
use store::{
    Key, KeyRange, Outcome, RangeRequest, Revision, SnapshotEntry, StateStore, StoreError, Transaction,
};

use super::{COMPACTION_KEY, Restored};
use crate::error::BackupError;
use crate::record::{Record, Totals};
use crate::source::Records;

/// So many puts are under way at a time.
const AT_ONCE: usize = 128;

/// So many keys are deleted at a time when a restore is taken back.
const DELETE_AT_ONCE: usize = 100;

/// So many revisions are made at most: hours of writing. What is further away was not counted by any cluster that fits here.
const MOST_COUNTED: u64 = 100_000_000;

/// Put again and again, so that the store counts on.
const COUNTING_KEY: &str = "/pintle/restore";

/// Refuses a store that has keys.
pub async fn check_empty(store: &dyn StateStore) -> Result<(), BackupError> {
    let found = store
        .range(RangeRequest::new(KeyRange::all()).keys_only().limit(2))
        .await?;
    let others = found
        .key_values
        .iter()
        .filter(|found| *found.key != *COMPACTION_KEY);
    match others.count() {
        0 => Ok(()),
        _ => Err(BackupError::StoreNotEmpty { keys: found.count }),
    }
}

/// Puts the keys of a backup into an empty store, and lets it count up to `revision`. `progress` is told of each key and each
/// revision. If that fails, everything is deleted again.
pub async fn fill_store(
    store: &dyn StateStore,
    revision: u64,
    records: Records,
    mut progress: impl FnMut(),
) -> Result<Restored, BackupError> {
    check_empty(store).await?;
    check_distance(store, revision).await?;
    let filled = match put_all(store, records, &mut progress).await {
        Ok(totals) => count_up(store, revision, &mut progress)
            .await
            .map(|at| (totals, at)),
        Err(error) => Err(error),
    };
    match filled {
        Ok((totals, revision)) => Ok(Restored { totals, revision }),
        Err(error) => {
            if let Err(second) = empty_store(store).await {
                tracing::warn!(error = %second, "what was restored so far cannot be deleted again");
            }
            Err(error)
        }
    }
}

/// Refuses a revision that the store would count up to for days.
async fn check_distance(store: &dyn StateStore, revision: u64) -> Result<(), BackupError> {
    let missing = revision.saturating_sub(store.latest_revision().await?.get());
    if missing > MOST_COUNTED {
        return Err(BackupError::TooFar {
            revision,
            missing,
            most: MOST_COUNTED,
        });
    }
    Ok(())
}

async fn put_all(
    store: &dyn StateStore,
    mut records: Records,
    progress: &mut impl FnMut(),
) -> Result<Totals, BackupError> {
    let mut totals = Totals::default();
    let mut under_way = FuturesUnordered::new();
    while let Some(record) = records.next().await? {
        let Record::Entry(entry) = &record else { continue };
        if *entry.key_value.key == *COMPACTION_KEY {
            continue;
        }
        totals.add(&record);
        let Record::Entry(entry) = record else { continue };
        under_way.push(store.commit(creation(entry)));
        if under_way.len() >= AT_ONCE
            && let Some(outcome) = under_way.next().await
        {
            committed(outcome)?;
            progress();
        }
    }
    while let Some(outcome) = under_way.next().await {
        committed(outcome)?;
        progress();
    }
    Ok(totals)
}

fn creation(entry: SnapshotEntry) -> Transaction {
    let (key, value) = (entry.key_value.key, entry.key_value.value);
    let transaction = Transaction::new().require(key.clone(), Revision::ZERO);
    match entry.time_to_live {
        Some(left) => transaction.put_for(key, value, left),
        None => transaction.put(key, value),
    }
}

fn committed(outcome: Result<Outcome, StoreError>) -> Result<Revision, BackupError> {
    match outcome? {
        Outcome::Committed { revision } => Ok(revision),
        // Somebody else writes to it.
        Outcome::Conflict { .. } => Err(BackupError::StoreNotEmpty { keys: 1 }),
    }
}

/// Makes revisions until the store is at `revision`: a client that has seen it must not see older ones.
async fn count_up(
    store: &dyn StateStore,
    revision: u64,
    progress: &mut impl FnMut(),
) -> Result<u64, BackupError> {
    let key = Key::from(COUNTING_KEY);
    let put = || store.commit(Transaction::new().put(key.clone(), Default::default()));
    let delete = || store.commit(Transaction::new().delete(key.clone()));
    let current = committed(put().await)?.get();
    let mut left = revision.saturating_sub(current + 1);
    let mut under_way = FuturesUnordered::new();
    while left > 0 || !under_way.is_empty() {
        while left > 0 && under_way.len() < AT_ONCE {
            under_way.push(put());
            left -= 1;
        }
        if let Some(outcome) = under_way.next().await {
            committed(outcome)?;
            progress();
        }
    }
    Ok(committed(delete().await)?.get())
}

/// Deletes every key: takes back what was restored.
pub async fn empty_store(store: &dyn StateStore) -> Result<(), BackupError> {
    loop {
        let request = RangeRequest::new(KeyRange::all())
            .keys_only()
            .limit(DELETE_AT_ONCE);
        let found = store.range(request).await?;
        if found.key_values.is_empty() {
            return Ok(());
        }
        let keys = found.key_values.into_iter().map(|found| found.key);
        committed(
            store
                .commit(keys.fold(Transaction::new(), Transaction::delete))
                .await,
        )?;
    }
}
