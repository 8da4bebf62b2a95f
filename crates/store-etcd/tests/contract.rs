//! The store over etcd keeps the contract. Each check has an etcd of its own.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use store::StateStore;
use store::contract::harness::Store;
use store::contract::model::{self, Subject};
use support::Own;

async fn fresh() -> Arc<dyn StateStore> {
    Arc::new(Own::new(b"").await)
}

store::contract_suite!(fresh);

/// The same in a part of the key space.
mod namespaced {
    use super::*;

    async fn fresh() -> Arc<dyn StateStore> {
        let own = Own::new(b"/some/where/").await;
        // Neighbours nobody may see. Nobody else writes afterwards.
        own.etcd.lock().ctl(&["put", "/some/wherf", "stranger"]);
        own.etcd.lock().ctl(&["put", "/some/wher", "stranger"]);
        store::StateStore::latest_revision(&own)
            .await
            .expect("etcd answers");
        Arc::new(own)
    }

    macro_rules! checks {
        ($($module:ident :: $check:ident)*) => {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                store::contract::$module::$check(fresh().await).await;
            })*
        };
    }

    checks! {
        revisions::a_fresh_store_is_empty
        ranges::an_open_range_goes_to_the_last_key
        ranges::a_prefix_of_the_last_byte_has_no_end
        snapshots::a_snapshot_is_everything_in_order
        transactions::all_preconditions_must_hold
        watches::everything_can_be_watched
        watches::a_progress_mark_covers_changes_elsewhere
        watch_history::a_place_can_be_resumed
    }
}

/// A store whose etcd is killed and started again.
struct Restartable(Arc<Own>);

#[async_trait]
impl Subject for Restartable {
    fn store(&self) -> Store {
        self.0.clone()
    }

    async fn restart(&mut self) {
        let own = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let mut etcd = own.etcd.lock();
            etcd.kill(0);
            etcd.restart(0);
        })
        .await
        .expect("etcd starts again");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_the_model_does(actions in model::actions(60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime can be made").block_on(async {
            let own = Arc::new(Own::new(b"").await);
            model::compare(&mut Restartable(own), actions).await;
        });
    }
}
