//! The task of one instance: the startup probe until it has succeeded, then the others side by side.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Probe;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::attempt::{Outcome, attempt};
use super::tally::Tally;
use super::{ProbeKind, Target};
use crate::plan::Verdict;

/// How often an attempt that could not be made is repeated at once.
const MAX_TRIES: usize = 3;

/// Probes until cancelled, or until nothing is left to find out.
pub async fn run(target: Target, killing: CancellationToken) {
    if target.container.startup_probe.is_some() {
        let startup = probe(&target, ProbeKind::Startup);
        let ended = killing.run_until_cancelled(startup).await;
        if ended == Some(Verdict::Failure) {
            // It will be killed.
            return;
        }
    }
    let liveness = async {
        if target.container.liveness_probe.is_some() {
            killing
                .run_until_cancelled(probe(&target, ProbeKind::Liveness))
                .await;
        }
    };
    let readiness = async {
        if target.container.readiness_probe.is_some() {
            probe(&target, ProbeKind::Readiness).await;
        }
    };
    tokio::join!(liveness, readiness);
}

/// Probes until the verdict is the last one that matters. What it is.
async fn probe(target: &Target, kind: ProbeKind) -> Verdict {
    let none = Probe::default();
    let probe = target.probe(kind).unwrap_or(&none);
    let mut tally = Tally::new(probe);
    let first = Instant::now() + until_first(target.started_at, probe, Timestamp::now());
    let mut ticks = interval_at(first, seconds(probe.period_seconds, 10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (outcome, message) = outcome(target, kind, probe).await;
        let verdict = outcome.and_then(|attempt| tally.count(attempt));
        target.tell(kind, verdict, message);
        match (kind, verdict) {
            (ProbeKind::Startup, Some(verdict)) => return verdict,
            (ProbeKind::Liveness, Some(Verdict::Failure)) => return Verdict::Failure,
            _ => {}
        }
    }
}

/// One attempt: what it found, if it could be made, and what to say about it.
async fn outcome(target: &Target, kind: ProbeKind, probe: &Probe) -> (Option<Verdict>, Option<String>) {
    let timeout = seconds(probe.timeout_seconds, 1);
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt(target, probe, timeout).await {
            Outcome::Success => return (Some(Verdict::Success), None),
            Outcome::Warning(text) => {
                return (Some(Verdict::Success), Some(super::warning(kind) + &text));
            }
            Outcome::Failure(text) => {
                return (
                    Some(Verdict::Failure),
                    Some(format!("{kind} probe failed: {text}")),
                );
            }
            Outcome::Unknown(_) if tries < MAX_TRIES => {}
            Outcome::Unknown(text) => {
                return (
                    None,
                    Some(format!(
                        "{kind} probe errored and resulted in unknown state: {text}"
                    )),
                );
            }
        }
    }
}

fn seconds(value: Option<i32>, default: u64) -> Duration {
    let value = value.and_then(|value| u64::try_from(value).ok());
    Duration::from_secs(value.filter(|value| *value > 0).unwrap_or(default))
}

/// A container that was adopted has had its delay already.
fn until_first(started_at: Timestamp, probe: &Probe, now: Timestamp) -> Duration {
    let delay = probe
        .initial_delay_seconds
        .and_then(|delay| u64::try_from(delay).ok())
        .unwrap_or(0);
    let since = Duration::try_from(now.duration_since(started_at)).unwrap_or_default();
    Duration::from_secs(delay).saturating_sub(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_counts_from_the_start() {
        let probe = Probe {
            initial_delay_seconds: Some(10),
            ..Probe::default()
        };
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let wait = |started, now| until_first(at(started), &probe, at(now)).as_secs();
        assert_eq!(
            [wait(100, 100), wait(100, 104), wait(100, 200), wait(100, 90)],
            [10, 6, 0, 10]
        );
        assert_eq!(until_first(at(1), &Probe::default(), at(1)), Duration::ZERO);
    }
}
