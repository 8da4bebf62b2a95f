//! Deleting keys whose time is over: a task that sleeps until the next one is due, and ends with the store.

use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::Shared;
use super::state::State;

/// Starts the task unless it runs.
pub(super) fn ensure_running(state: &mut State, shared: &Arc<Shared>) {
    if state.next_due().is_some() && !state.expiry_runs {
        state.expiry_runs = true;
        tokio::spawn(run(Arc::downgrade(shared)));
    }
}

/// Runs until no key has a time to live any more.
async fn run(store: Weak<Shared>) {
    loop {
        let Some(shared) = store.upgrade() else { return };
        let next_due = {
            let mut state = shared.state.lock();
            state.expire(Instant::now());
            state.expiry_runs = state.next_due().is_some();
            state.next_due()
        };
        shared.changed.notify_waiters();
        let Some(due) = next_due else { return };
        // The task must not keep the store alive while it sleeps. A store that is dropped wakes it.
        let changed = shared.expiry_changed.clone();
        drop(shared);
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            () = changed.notified() => {}
        }
    }
}
