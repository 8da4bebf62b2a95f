//! Workers that take keys from a queue until it is closed.

use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::queue::WorkQueue;

/// What is to happen with a key after work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing until it is added again.
    Done,
    /// Work on it again after that time.
    After(Duration),
}

/// Runs `workers` tasks that call `reconcile` for each key of the queue, until the shutdown token fires. A failure, or a
/// panic, is logged and brings the key back after a wait that grows; one key's failure never stops another's work.
pub async fn run_workers<T, F, R, E>(
    component: &'static str,
    queue: WorkQueue<T>,
    workers: usize,
    shutdown: CancellationToken,
    reconcile: F,
) where
    T: Clone + Debug + Eq + Hash + Send + Sync + 'static,
    F: Fn(T) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, E>> + Send + 'static,
    E: std::error::Error + 'static,
{
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        tasks.spawn(worker(component, queue.clone(), reconcile.clone()));
    }
    shutdown.cancelled().await;
    queue.close();
    while tasks.join_next().await.is_some() {}
}

async fn worker<T, F, R, E>(component: &'static str, queue: WorkQueue<T>, reconcile: F)
where
    T: Clone + Debug + Eq + Hash + Send + Sync + 'static,
    F: Fn(T) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, E>> + Send + 'static,
    E: std::error::Error + 'static,
{
    while let Some(key) = queue.get().await {
        let result = std::panic::AssertUnwindSafe(reconcile(key.clone()))
            .catch_unwind()
            .await;
        match result {
            Ok(Ok(outcome)) => {
                queue.forget(&key);
                if let Outcome::After(delay) = outcome {
                    queue.add_after(key.clone(), delay);
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(component, ?key, error = %Chain(&error), "reconcile failed, will be tried again");
                queue.add_rate_limited(key.clone());
            }
            Err(_) => {
                tracing::error!(component, ?key, "reconcile panicked, will be tried again");
                queue.add_rate_limited(key.clone());
            }
        }
        queue.done(&key);
    }
}

/// An error with its sources, joined by colons.
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
