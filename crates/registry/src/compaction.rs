//! The store's history is forgotten after a while. Several servers may work on one store, those of upstream among them: they
//! take turns by a key that upstream has for it.
//!
//! Each server tries, every so often, to put that key where it last saw it. Who succeeds forgets what is older than its last
//! look; who does not has been forestalled, looks again, and waits. So history of one to two intervals is kept.

use std::sync::Arc;
use std::time::Duration;

use store::{Outcome, Revision, StateStore, StoreError, Transaction};

/// The key, which upstream's servers put too. Its value is the revision that was forgotten up to.
pub(crate) const KEY: &str = "compact_rev_key";

/// Forgets the history of the store for ever, `every` so often.
pub async fn compact_history(store: Arc<dyn StateStore>, every: Duration) {
    let mut turn = None;
    loop {
        match step(&*store, turn.take()).await {
            Ok(next) => turn = Some(next),
            Err(error) => tracing::warn!(%error, "the store's history cannot be compacted"),
        }
        tokio::time::sleep(every).await;
    }
}

/// What a server knows when its interval begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    /// The revision that put the key last.
    key: Revision,
    /// The revision of that moment: what is older is to be forgotten when the interval is over.
    until: Revision,
}

async fn step(store: &dyn StateStore, turn: Option<Turn>) -> Result<Turn, StoreError> {
    let Some(turn) = turn else {
        return look(store).await;
    };
    if store.latest_revision().await? == turn.key {
        // Nothing was written since but by ourselves.
        return Ok(turn);
    }
    let put = Transaction::update(KEY.into(), turn.key, turn.until.to_string().into());
    let revision = match store.commit(put).await? {
        Outcome::Conflict { .. } => return look(store).await,
        Outcome::Committed { revision } => revision,
    };
    match store.compact(turn.until).await {
        Ok(()) | Err(StoreError::Compacted { .. }) => {}
        Err(error) => {
            tracing::warn!(%error, revision = %turn.until, "the store's history cannot be compacted")
        }
    }
    Ok(Turn {
        key: revision,
        until: revision,
    })
}

async fn look(store: &dyn StateStore) -> Result<Turn, StoreError> {
    let until = store.latest_revision().await?;
    let key = store.get(&KEY.into(), None).await?;
    Ok(Turn {
        key: key.map_or(Revision::ZERO, |key| key.mod_revision),
        until,
    })
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::*;

    async fn write(store: &MemoryStore) -> Revision {
        let put = Transaction::new().put("/registry/a".into(), "a".into());
        let outcome = store.commit(put).await.expect("the store takes it");
        outcome.committed().expect("nothing is demanded")
    }

    async fn take(store: &MemoryStore, turn: Option<Turn>) -> Turn {
        step(store, turn).await.expect("the store answers")
    }

    #[tokio::test]
    async fn what_is_older_than_an_interval_is_forgotten() {
        let store = MemoryStore::new();
        let before = write(&store).await;
        let first = take(&store, None).await;
        assert_eq!(first.until, before);
        write(&store).await;
        let second = take(&store, Some(first)).await;
        assert_eq!(store.compacted_revision(), before);
        let key = store.get(&KEY.into(), None).await.expect("read").expect("there");
        assert_eq!(key.value, before.to_string());
        assert_eq!(take(&store, Some(second)).await, second, "nothing was written");
        assert_eq!(store.current_revision(), second.key, "nor is it now");
        write(&store).await;
        take(&store, Some(second)).await;
        assert_eq!(store.compacted_revision(), second.key);
    }

    #[tokio::test]
    async fn of_two_servers_one_forgets() {
        let store = MemoryStore::new();
        write(&store).await;
        let (one, other) = (take(&store, None).await, take(&store, None).await);
        write(&store).await;
        let one = take(&store, Some(one)).await;
        let compacted = store.compacted_revision();
        write(&store).await;
        let other = take(&store, Some(other)).await;
        assert_eq!(store.compacted_revision(), compacted, "the other came too late");
        assert_eq!(other.key, one.key);
        write(&store).await;
        take(&store, Some(other)).await;
        assert_eq!(store.compacted_revision(), other.until);
    }
}
