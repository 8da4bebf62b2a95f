//! How far the schedule of backups is, where several masters share a store: whoever leads next goes on from there.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use store::{Key, StateStore, StoreError, Transaction};

/// Where it lies: beside what upstream keeps, not in it.
const KEY: &str = "/pintle/scheduled-backups";

/// The time up to which everything that came due was made.
pub(super) struct Last(pub(super) Arc<dyn StateStore>);

impl Last {
    /// The time to go on from. The first master to ask begins now.
    pub(super) async fn ensure(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let held = self.0.get(&Key::from(KEY), None).await?;
        let kept = held.and_then(|held| std::str::from_utf8(&held.value).ok()?.parse().ok());
        match kept {
            // Another machine's clock may be ahead; nothing is put off for that.
            Some(kept) => Ok(now.min(kept)),
            None => {
                self.reached(now).await?;
                Ok(now)
            }
        }
    }

    /// Notes that everything that came due until then was made.
    pub(super) async fn reached(&self, at: Timestamp) -> Result<(), StoreError> {
        let note = Transaction::new().put(KEY.into(), Bytes::from(at.to_string()));
        self.0.commit(note).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[tokio::test]
    async fn the_next_leader_goes_on_where_the_last_one_was() {
        let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
        let (one, other) = (Last(store.clone()), Last(store.clone()));
        assert_eq!(one.ensure(at(100)).await.expect("read"), at(100));
        // It came due at 150, and nobody led then.
        assert_eq!(other.ensure(at(200)).await.expect("read"), at(100));
        other.reached(at(200)).await.expect("noted");
        assert_eq!(one.ensure(at(300)).await.expect("read"), at(200));
        assert_eq!(
            one.ensure(at(150)).await.expect("read"),
            at(150),
            "a clock that goes after"
        );
        let nonsense = Transaction::new().put(KEY.into(), "nonsense".into());
        store.commit(nonsense).await.expect("put");
        assert_eq!(one.ensure(at(400)).await.expect("read"), at(400));
    }
}
