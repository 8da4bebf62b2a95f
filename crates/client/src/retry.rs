//! How long to wait before what broke off is begun again.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::Client;

/// The first wait after a failure; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, before some more is added.
const LONGEST: Duration = Duration::from_secs(30);
/// What lasted so long did its work.
const WORTH_WHILE: Duration = Duration::from_secs(1);
/// Within that time all who have waited come back to a server that answers again, each at a moment of its own.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// The waits between attempts to follow something on the server. They grow as long as no attempt works; one that did its work
/// is forgiven all before it, however it ended: the server that ended it may be back already. They are cut short when another
/// request of the same client has found that the server is back.
pub struct Retry {
    wait: Duration,
    works_since: Option<Instant>,
    outage_ends: watch::Receiver<()>,
}

impl Retry {
    /// The waits of one who asks with that client.
    pub fn of(client: &Client) -> Self {
        Self {
            wait: FIRST,
            works_since: None,
            outage_ends: client.outage_ends(),
        }
    }

    /// The present attempt works, from now on.
    pub fn works(&mut self) {
        self.works_since = Some(Instant::now());
        self.outage_ends.mark_unchanged();
    }

    /// Waits after an attempt that has ended, if need be. One that worked and ended as planned is followed by the next at once.
    pub async fn pause(&mut self, failed: bool) {
        let pause = self.next(failed);
        if pause.is_zero() {
            return;
        }
        let due = Instant::now() + jittered(pause);
        tokio::select! {
            () = tokio::time::sleep_until(due) => return,
            ended = self.outage_ends.changed() => {
                if ended.is_err() {
                    // There is no client any more that could find out.
                    return tokio::time::sleep_until(due).await;
                }
            }
        }
        self.wait = FIRST;
        let soon = Instant::now() + BACK_WITHIN.mul_f64(random());
        tokio::time::sleep_until(due.min(soon)).await;
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
    wait + wait.mul_f64(random())
}

/// From zero up to one.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random % 1024) as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use http::Request;
    use k8s_openapi::api::core::v1::ConfigMap;
    use tokio_util::sync::CancellationToken;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::testing::FakeApi;
    use crate::transport::{Body, BoxError, boxed};
    use crate::{Informer, ListOptions, Scope};

    /// The waits, in milliseconds, after attempts that worked for so many milliseconds, if at all, and failed or not.
    async fn check(attempts: &[(Option<u64>, bool)], expected: &[u128]) {
        let mut retry = Retry::of(&FakeApi::new().client());
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

    /// A server that is there or not.
    struct Flaky {
        api: Arc<FakeApi>,
        is_there: AtomicBool,
    }

    impl Flaky {
        async fn answer(self: Arc<Self>, request: Request<Body>) -> Result<http::Response<Body>, BoxError> {
            if !self.is_there.load(Ordering::Relaxed) {
                return Err("nobody is there".into());
            }
            Ok(self.api.transport().oneshot(request).await?)
        }

        fn client(self: &Arc<Self>) -> Client {
            let flaky = Arc::clone(self);
            let service = service_fn(move |request| Arc::clone(&flaky).answer(request));
            Client::new(boxed(service), "test")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_comes_back_soon_after_another_was_answered() {
        let flaky = Arc::new(Flaky {
            api: FakeApi::new(),
            is_there: AtomicBool::new(false),
        });
        let client = flaky.client();
        let shutdown = CancellationToken::new();
        let _end = shutdown.clone().drop_guard();
        let follow = |name: &str| {
            let client = client.named(name);
            Informer::<ConfigMap>::start(client, "", ListOptions::default(), shutdown.clone())
        };
        let followers = ["a", "b", "c", "d"].map(follow);
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert!(followers.iter().all(|follower| !follower.is_synced()));
        }
        flaky.is_there.store(true, Ordering::Relaxed);
        let back = Instant::now();
        let asked = client
            .list::<ConfigMap>(Scope::Cluster, &ListOptions::default())
            .await;
        asked.expect("the server is there");
        for follower in &followers {
            follower.synced().await;
        }
        assert!(back.elapsed() <= BACK_WITHIN, "{:?}", back.elapsed());
    }
}
