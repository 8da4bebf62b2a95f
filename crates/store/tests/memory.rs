//! The reference model keeps the contract.

use std::sync::Arc;

use store::{MemoryStore, StateStore};

async fn fresh() -> Arc<dyn StateStore> {
    Arc::new(MemoryStore::new())
}

store::contract_suite!(fresh);
