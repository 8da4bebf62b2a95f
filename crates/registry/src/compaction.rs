//! The store's history is forgotten after a while, as upstream does it: every five minutes, what is older than that.

use std::sync::Arc;
use std::time::Duration;

use store::{StateStore, StoreError};

/// How often, and how old.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// Compacts the store for ever.
pub(crate) async fn run(store: Arc<dyn StateStore>) {
    loop {
        let revision = store.current_revision();
        tokio::time::sleep(EVERY).await;
        match store.compact(revision).await {
            // Nothing was written in between, or another server over the same store was first.
            Ok(()) | Err(StoreError::Compacted { .. }) => {}
            Err(error) => tracing::warn!(%error, %revision, "the store's history cannot be compacted"),
        }
    }
}
