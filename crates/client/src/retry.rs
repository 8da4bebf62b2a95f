//! How long to wait before what broke off is begun again.

use std::time::Duration;

use tokio::time::Instant;

/// The first wait after a failure; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, before some more is added.
const LONGEST: Duration = Duration::from_secs(30);
/// What lasted so long did its work.
const WORTH_WHILE: Duration = Duration::from_secs(1);

/// The waits between attempts to follow something on the server. They grow as long as no attempt works; one that did its work
/// is forgiven all before it, however it ended: the server that ended it may be back already.
pub struct Retry {
    wait: Duration,
    works_since: Option<Instant>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            wait: FIRST,
            works_since: None,
        }
    }
}

impl Retry {
    /// The present attempt works, from now on.
    pub fn works(&mut self) {
        self.works_since = Some(Instant::now());
    }

    /// Waits after an attempt that has ended, if need be. One that worked and ended as planned is followed by the next at once.
    pub async fn pause(&mut self, failed: bool) {
        let pause = self.next(failed);
        if !pause.is_zero() {
            tokio::time::sleep(jittered(pause)).await;
        }
    }

    fn next(&mut self, failed: bool) -> Duration {
        let since = self.works_since.take();
        // One that ends at once, as those of a server that goes down do, must not be begun anew at once.
        if since.is_some_and(|since| since.elapsed() >= WORTH_WHILE) {
            self.wait = FIRST;
            if !failed {
                return Duration::ZERO;
            }
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        wait
    }
}

/// Up to twice the wait, so that many clients do not come back at one moment.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    wait + wait.mul_f64((random % 1024) as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits, in milliseconds, after attempts that worked for so many milliseconds, if at all, and failed or not.
    async fn check(attempts: &[(Option<u64>, bool)], expected: &[u128]) {
        let mut retry = Retry::default();
        let mut waits = Vec::new();
        for &(worked, failed) in attempts {
            if let Some(millis) = worked {
                retry.works();
                tokio::time::advance(Duration::from_millis(millis)).await;
            }
            waits.push(retry.next(failed).as_millis());
        }
        assert_eq!(waits, expected, "{attempts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_until_something_works() {
        let failed = (None, true);
        check(
            &[failed; 11],
            &[100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000],
        )
        .await;
        check(
            &[failed, failed, (Some(5000), true), failed],
            &[100, 200, 100, 200],
        )
        .await;
        check(
            &[failed, failed, (Some(5000), false), failed],
            &[100, 200, 0, 100],
        )
        .await;
        check(&[failed, failed, (Some(10), true), failed], &[100, 200, 400, 800]).await;
        check(&[(Some(10), false), (Some(10), false)], &[100, 200]).await;
    }
}
