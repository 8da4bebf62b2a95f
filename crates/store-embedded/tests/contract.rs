//! The embedded store keeps the contract.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use store::StateStore;
use store::contract::harness::Store;
use store::contract::model::{self, Subject};
use store_embedded::simulation::SimulatedDisk;
use store_embedded::{EmbeddedStore, Options};
use support::{Temporary, open_simulated, tight_options};

async fn fresh() -> Arc<dyn StateStore> {
    Arc::new(Temporary::new())
}

store::contract_suite!(fresh);

/// The contract with everything as small as it gets, so that every write and read meets the edge of
/// something.
mod tight {
    use super::*;

    async fn fresh() -> Arc<dyn StateStore> {
        Arc::new(open_simulated(&SimulatedDisk::new(), tight_options()))
    }

    store::contract_suite!(fresh);
}

/// A store that can be closed and opened again on the same disk.
struct Restartable {
    disk: SimulatedDisk,
    options: Options,
    /// `None` only while it restarts.
    store: Option<Arc<EmbeddedStore>>,
}

impl Restartable {
    fn open(options: Options) -> Self {
        let mut restartable = Self {
            disk: SimulatedDisk::new(),
            options,
            store: None,
        };
        restartable.reopen();
        restartable
    }

    fn reopen(&mut self) {
        // What is open must be closed before: two stores on one disk are none.
        drop(
            self.store
                .take()
                .map(|store| Arc::into_inner(store).expect("nobody else uses the store")),
        );
        self.store = Some(Arc::new(open_simulated(&self.disk, self.options.clone())));
    }
}

#[async_trait]
impl Subject for Restartable {
    fn store(&self) -> Store {
        self.store.clone().expect("it does not restart now")
    }

    async fn restart(&mut self) {
        self.reopen();
    }
}

fn compare(options: Options, actions: Vec<model::Action>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build();
    runtime.expect("a runtime can be made").block_on(async {
        model::compare(&mut Restartable::open(options), actions).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_the_model_does(actions in model::actions(120)) {
        compare(Options { segment_bytes: 64 << 10, ..Options::default() }, actions);
    }

    #[test]
    fn does_what_the_model_does_when_tight(actions in model::actions(120)) {
        compare(tight_options(), actions);
    }
}
