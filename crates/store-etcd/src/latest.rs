//! Asking for the latest revision: whoever asks while an answer is on its way shares the next one.
//!
//! An answer is good for a question that came before it was asked for, so that never more than one is under way. Every
//! consistent read of the API asks.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use store::{Revision, StoreError};
use tokio::sync::Mutex;

/// The rounds of asking.
#[derive(Default)]
pub(crate) struct Latest {
    /// How many rounds have begun.
    begun: AtomicU64,
    /// The number of the last round that ended, and its answer.
    last: Mutex<Option<(u64, Result<Revision, StoreError>)>>,
}

impl Latest {
    /// The answer of a round that begins after this call; `ask` is done if nobody else has begun one.
    pub(crate) async fn get<F>(&self, ask: impl FnOnce() -> F) -> Result<Revision, StoreError>
    where
        F: Future<Output = Result<Revision, StoreError>>,
    {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((round, answer)) = &*last
            && *round > before
        {
            return answer.clone();
        }
        let round = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = ask().await;
        *last = Some((round, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_comes_during_a_round_shares_the_next() {
        let latest = Arc::new(Latest::default());
        let gate = Arc::new(Semaphore::new(0));
        let ask = |latest: Arc<Latest>, gate: Arc<Semaphore>| async move {
            let answer = latest.get(|| async {
                gate.acquire().await.expect("it is open").forget();
                Ok(Revision::new(latest.begun.load(Ordering::SeqCst)))
            });
            answer.await.expect("no error").get()
        };
        let first = tokio::spawn(ask(latest.clone(), gate.clone()));
        while latest.begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (0..10)
            .map(|_| tokio::spawn(ask(latest.clone(), gate.clone())))
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(2);
        assert_eq!(first.await.expect("no panic"), 1);
        let others: Vec<u64> = join_all(others)
            .await
            .into_iter()
            .map(|one| one.expect("no panic"))
            .collect();
        assert_eq!(others, [2; 10]);
        gate.add_permits(1);
        assert_eq!(ask(latest, gate).await, 3, "a later question has a later answer");
    }
}
