//! The embedded store keeps the contract.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use store::StateStore;
use store::contract::harness::Store;
use store::contract::model::{self, Subject};
use store_embedded::Options;
use support::Temporary;

async fn fresh() -> Arc<dyn StateStore> {
    Arc::new(Temporary::new(Options::default()))
}

store::contract_suite!(fresh);

/// The contract with everything as small as it gets, so that every write and read meets the edge of something.
mod tight {
    use super::*;

    async fn fresh() -> Arc<dyn StateStore> {
        Arc::new(Temporary::new(support::tight_options()))
    }

    store::contract_suite!(fresh);
}

/// `None` only while it restarts.
struct Restartable(Option<Arc<Temporary>>);

#[async_trait]
impl Subject for Restartable {
    fn store(&self) -> Store {
        self.0.clone().expect("it does not restart now")
    }

    async fn restart(&mut self) {
        let store = self
            .0
            .take()
            .and_then(Arc::into_inner)
            .expect("nobody else uses the store");
        self.0 = Some(Arc::new(store.reopen()));
    }
}

fn compare(options: Options, actions: Vec<model::Action>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build();
    runtime.expect("a runtime can be made").block_on(async {
        let mut subject = Restartable(Some(Arc::new(Temporary::new(options))));
        model::compare(&mut subject, actions).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_the_model_does(actions in model::actions(120)) {
        compare(Options::default(), actions);
    }

    #[test]
    fn does_what_the_model_does_when_tight(actions in model::actions(120)) {
        compare(support::tight_options(), actions);
    }
}
