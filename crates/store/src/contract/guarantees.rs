//! What many clients and watches at once see, judged as a whole.

use super::harness::*;
use super::load::Load;

async fn check(store: &Store, load: Load) {
    if let Err(problem) = load.run_and_check(store).await {
        panic!("seed {}: {problem}", load.seed);
    }
}

/// There is an order that explains every answer, and it is that of the revisions; watches tell the same.
pub async fn operations_are_linearizable_and_watches_tell_them(store: Store) {
    check(&store, Load::default()).await;
}

/// With what was there before as the beginning.
pub async fn they_are_so_again_and_again(store: Store) {
    for seed in 10..14 {
        let load = Load {
            seed,
            operations: 20,
            ..Load::default()
        };
        check(&store, load).await;
    }
}

/// Where everything depends on what came just before.
pub async fn many_clients_on_few_keys_are_linearizable(store: Store) {
    let load = Load {
        seed: 20,
        clients: 24,
        operations: 15,
        watches: 2,
        ..Load::default()
    };
    check(&store, load).await;
}
