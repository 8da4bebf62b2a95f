//! A real etcd is found to be what it says it is: the checks that the embedded store has to pass accept it, also while its
//! leader is killed.

mod support;

use std::sync::Arc;
use std::time::Duration;

use store::Revision;
use store::contract::harness::Store;
use store::contract::load::Load;
use support::{connect, three_over_tls};

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until so many changes were made.
async fn changes(store: &Store, since: Revision, count: u64) {
    let waiting = async {
        while store.current_revision().get() < since.get() + count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("changes go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_linearizable_while_the_leader_is_killed() {
    let mut etcd = three_over_tls();
    let store: Store = Arc::new(connect(&etcd).await);
    let start = store.latest_revision().await.expect("etcd answers");
    let load = Load {
        seed: 3,
        clients: 6,
        operations: 120,
        watches: 4,
        ..Load::default()
    };
    let harm = async {
        changes(&store, start, 60).await;
        let leader = etcd.leader().expect("one leads");
        tokio::task::block_in_place(|| etcd.kill(leader));
        changes(&store, start, 150).await;
        tokio::task::block_in_place(|| etcd.restart(leader));
    };
    let (outcome, ()) = tokio::join!(load.run_and_check(&store), harm);
    outcome.expect("etcd is linearizable");
}
