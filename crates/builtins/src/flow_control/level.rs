//! Priority levels as the API's front asks for their seats.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apiserver::TurnedAway;
use async_trait::async_trait;
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::counts::{Counts, Refused, count};
use super::limits::{LevelSpec, Limits};
use super::queues::Place;
use super::retry_after::RetryAfter;
use super::seats::Seats;

/// A priority level.
#[derive(Debug)]
pub(super) struct Level {
    seats: Arc<Seats>,
    /// Its number there.
    number: usize,
    is_exempt: bool,
    retry_after: Mutex<RetryAfter>,
}

/// What leads requests of a flow schema to their level.
#[derive(Debug)]
pub(super) struct Flow {
    /// UID of the flow schema.
    pub(super) schema: HeaderValue,
    /// UID of the level.
    pub(super) priority_level: HeaderValue,
    /// The level.
    pub(super) level: Arc<Level>,
    /// What became of its requests.
    pub(super) counts: Arc<Counts>,
}

impl Level {
    /// Levels among which `total` seats are divided, in the order of their configurations.
    pub(super) fn all(total: u32, specs: &[&LevelSpec]) -> Vec<Arc<Self>> {
        let seats = Arc::new(Seats::new(total, specs));
        let of = |(number, spec): (usize, &&LevelSpec)| {
            Arc::new(Self {
                seats: Arc::clone(&seats),
                number,
                is_exempt: spec.is_exempt(),
                retry_after: Mutex::default(),
            })
        };
        specs.iter().enumerate().map(of).collect()
    }

    /// What it may use.
    pub(super) fn limits(&self) -> Limits {
        self.seats.limits(self.number)
    }

    /// Seats it could have now.
    pub(super) fn current(&self) -> u32 {
        match self.is_exempt {
            true => self.limits().upper,
            false => self.seats.current(self.number),
        }
    }

    fn turn_away(&self) -> TurnedAway {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        TurnedAway {
            retry_after_seconds: self.retry_after.lock().turn_away(now.as_secs()),
        }
    }
}

#[async_trait]
impl apiserver::Flow for Flow {
    fn schema_uid(&self) -> &HeaderValue {
        &self.schema
    }

    fn level_uid(&self) -> &HeaderValue {
        &self.priority_level
    }

    fn take(&self) -> bool {
        let taken = self.level.is_exempt || self.level.seats.take(self.level.number);
        if taken {
            count(&self.counts.dispatched);
        }
        taken
    }

    async fn wait(&self, key: u64, at_most: Duration) -> Result<(), TurnedAway> {
        let (told, receiver) = oneshot::channel();
        let Some(place) = self.level.seats.wait(self.level.number, key, told) else {
            let has_queues = self.level.seats.has_queues(self.level.number);
            self.counts.refuse(if has_queues {
                Refused::QueueFull
            } else {
                Refused::ConcurrencyLimit
            });
            return Err(self.level.turn_away());
        };
        count(&self.counts.queued);
        let mut waiting = Waiting {
            flow: self,
            place: Some(place),
            why: Refused::Cancelled,
        };
        if tokio::time::timeout(at_most, receiver)
            .await
            .is_ok_and(|told| told.is_ok())
        {
            waiting.place = None;
            count(&self.counts.dispatched);
            return Ok(());
        }
        waiting.why = Refused::TimeOut;
        drop(waiting);
        Err(self.level.turn_away())
    }

    fn give_back(&self) {
        count(&self.counts.finished);
        if !self.level.is_exempt {
            self.level.seats.give_back(self.level.number);
        }
    }
}

/// A request that waits, until it is given a seat, or up.
struct Waiting<'a> {
    flow: &'a Flow,
    /// None once it has a seat.
    place: Option<Place>,
    why: Refused,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        count(&self.flow.counts.left);
        if let Some(place) = self.place {
            self.flow.counts.refuse(self.why);
            self.flow.level.seats.leave(self.flow.level.number, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use apiserver::Flow as _;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    fn flow(answer: Value) -> Flow {
        let spec =
            json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 1, "limitResponse": answer}});
        let spec = LevelSpec::deserialize(spec).expect("a spec");
        Flow {
            schema: HeaderValue::from_static("s"),
            priority_level: HeaderValue::from_static("l"),
            level: Level::all(1, &[&spec]).remove(0),
            counts: Arc::default(),
        }
    }

    fn refused(flow: &Flow) -> Vec<u64> {
        Refused::ALL.iter().map(|why| flow.counts.refused(*why)).collect()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_level_without_queues_turns_away_at_once() {
        let flow = flow(json!({"type": "Reject"}));
        assert!(flow.take() && !flow.take());
        let away = flow.wait(0, LONG).await.expect_err("no queue");
        assert_eq!((away.retry_after_seconds, refused(&flow)), (1, vec![0, 1, 0, 0]));
        flow.give_back();
        assert!(flow.take());
        assert_eq!(flow.counts.executing(), 1);
    }

    #[tokio::test]
    async fn who_waits_gets_the_seat_that_is_given_back() {
        let flow = Arc::new(flow(
            json!({"type": "Queue", "queuing": {"queues": 1, "handSize": 1, "queueLengthLimit": 1}}),
        ));
        assert!(flow.take());
        assert!(flow.wait(0, Duration::ZERO).await.is_err(), "too long");
        let waiting = tokio::spawn({
            let flow = Arc::clone(&flow);
            async move { flow.wait(0, LONG).await.is_ok() }
        });
        while flow.counts.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(flow.wait(0, LONG).await.is_err(), "full");
        flow.give_back();
        assert!(waiting.await.expect("no panic"));
        assert_eq!((flow.counts.executing(), flow.counts.waiting()), (1, 0));
        assert_eq!(refused(&flow), [0, 0, 1, 1]);
        flow.give_back();
        // A client that goes away while it waits takes nothing with it.
        assert!(flow.take());
        drop(tokio::time::timeout(Duration::ZERO, flow.wait(0, LONG)).await);
        assert_eq!(refused(&flow), [1, 0, 1, 1]);
        flow.give_back();
        assert!(flow.take());
    }
}
