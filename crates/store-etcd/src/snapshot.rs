//! Everything the store holds, page by page.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use etcd_rpc::message::{KeyValue, LeaseTimeToLiveRequest};
use futures::{StreamExt, stream};
use store::{KeyRange, Revision, Snapshot, SnapshotEntry, StoreError};
use tokio::time::Instant;

use crate::answer::unsigned;
use crate::connections::needs_leader;
use crate::etcd_store::Shared;
use crate::pages::Pages;

/// A page is read at once, the others as the reader comes to them.
pub(crate) async fn take(shared: Arc<Shared>) -> Result<Snapshot, StoreError> {
    let range = shared
        .namespace
        .range(&KeyRange::all())
        .ok_or(StoreError::Invalid("the namespace holds no key"))?;
    let mut reader = Reader {
        pages: Pages::new(range, None, usize::MAX, false),
        page: VecDeque::new(),
        leases: HashMap::new(),
        shared,
    };
    reader.turn().await?;
    let revision = Revision::new(reader.pages.revision());
    let entries = stream::unfold(Some(reader), async |reader| {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(entry)) => Some((Ok(entry), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Snapshot {
        revision,
        entries: entries.boxed(),
    })
}

struct Reader {
    shared: Arc<Shared>,
    pages: Pages,
    page: VecDeque<KeyValue>,
    /// When the leases end that were met.
    leases: HashMap<i64, Instant>,
}

impl Reader {
    /// Reads the next page. Says whether there was one.
    async fn turn(&mut self) -> Result<bool, StoreError> {
        let revision = Revision::new(self.pages.revision());
        let page = self.pages.next(&self.shared.connections).await;
        let page = page.map_err(|failure| self.shared.read_error(failure, revision))?;
        let is_page = page.is_some();
        self.page = page.map(|page| page.kvs.into()).unwrap_or_default();
        Ok(is_page)
    }

    async fn next(&mut self) -> Result<Option<SnapshotEntry>, StoreError> {
        loop {
            while let Some(found) = self.page.pop_front() {
                let time_to_live = self.time_to_live(found.lease).await?;
                if let Some(key_value) = self.shared.namespace.key_value(found) {
                    return Ok(Some(SnapshotEntry {
                        key_value,
                        time_to_live,
                    }));
                }
            }
            if !self.turn().await? {
                return Ok(None);
            }
        }
    }

    /// What is left of the time of a key with this lease.
    async fn time_to_live(&mut self, lease: i64) -> Result<Option<Duration>, StoreError> {
        if lease == 0 {
            return Ok(None);
        }
        let now = Instant::now();
        if let Some(ends) = self.leases.get(&lease) {
            return Ok(Some(ends.saturating_duration_since(now)));
        }
        let request = LeaseTimeToLiveRequest {
            id: lease,
            keys: false,
        };
        let connections = &self.shared.connections;
        let answer = connections
            .send(connections.reading(), |member| async move {
                member.lease().lease_time_to_live(needs_leader(request)).await
            })
            .await
            .map_err(crate::failure::Failure::of_read)?;
        // A lease that is gone meanwhile has -1 seconds left.
        let left = Duration::from_secs(unsigned(answer.ttl));
        self.leases.insert(lease, now + left);
        Ok(Some(left))
    }
}
