//! Renewing what holds for a time only: when it is due, and again after a failure.

use std::time::Duration;

use client::controller::Chain;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// The clock may be set, and machines sleep: how often at least the time is looked at.
const LOOK_AT_LEAST: Duration = Duration::from_secs(24 * 3600);

/// Waits that grow from one second to half a minute.
pub struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_secs(1))
    }
}

impl Pause {
    /// Waits, longer each time.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(30));
    }
}

/// Calls `renew`, which says when the next time is, whenever it is due, until the token fires. `what` is for the log.
pub async fn renew_when_due<E, F>(
    what: &str,
    mut due_at: Timestamp,
    mut renew: impl FnMut() -> F,
    shutdown: CancellationToken,
) where
    E: std::error::Error + 'static,
    F: Future<Output = Result<Timestamp, E>>,
{
    let work = async {
        let mut pause = Pause::default();
        loop {
            sleep_until(due_at).await;
            match renew().await {
                Ok(next) => {
                    tracing::info!(due_at = %next, "{what} renewed");
                    due_at = next;
                    pause = Pause::default();
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "{what} cannot be renewed yet");
                    pause.wait().await;
                }
            }
        }
    };
    shutdown.run_until_cancelled(work).await;
}

async fn sleep_until(due_at: Timestamp) {
    loop {
        let left = Duration::try_from(due_at.duration_since(Timestamp::now())).unwrap_or_default();
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_AT_LEAST)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn what_is_due_is_renewed_until_the_end() {
        let shutdown = CancellationToken::new();
        let answers = Mutex::new(vec![
            Err(std::io::Error::other("not now")),
            Ok(Timestamp::now() - SignedDuration::from_secs(1)),
        ]);
        let calls = Mutex::new(0);
        let renew = || {
            *calls.lock().expect("unpoisoned") += 1;
            let answer = answers.lock().expect("unpoisoned").pop();
            if answers.lock().expect("unpoisoned").is_empty() {
                shutdown.cancel();
            }
            async move { answer.expect("not asked after the end") }
        };
        renew_when_due("x", Timestamp::UNIX_EPOCH, renew, shutdown.clone()).await;
        assert_eq!(*calls.lock().expect("unpoisoned"), 2);
    }
}
