//! So many a second, and some at once after a while without any.

use std::time::Duration;

use tokio::time::Instant;

use crate::options::Handing;

/// A bucket that fills by and by.
#[derive(Debug)]
pub(super) struct Throttle {
    per_second: f64,
    most: f64,
    tokens: f64,
    at: Instant,
}

impl Throttle {
    pub(super) fn of(handing: &Handing) -> Option<Self> {
        handing
            .throttle
            .then(|| Self::new(handing.throttle_rate, handing.throttle_burst as f64))
    }

    fn new(per_second: f64, most: f64) -> Self {
        Self {
            per_second,
            most,
            tokens: most,
            at: Instant::now(),
        }
    }

    /// Waits until one more may go.
    pub(super) async fn pass(&mut self) {
        tokio::time::sleep(self.wait(Instant::now())).await;
    }

    /// How long one more has to wait that comes now.
    fn wait(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.most) - 1.0;
        Duration::try_from_secs_f64((-self.tokens).max(0.0) / self.per_second).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_go_at_once_and_the_rest_one_by_one() {
        let mut throttle = Throttle::new(10.0, 2.0);
        let now = throttle.at;
        let waits: Vec<u128> = (0..4).map(|_| throttle.wait(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
        let later = now + Duration::from_secs(1);
        assert_eq!(throttle.wait(later), Duration::ZERO);
    }
}
