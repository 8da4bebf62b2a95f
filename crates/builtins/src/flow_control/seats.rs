//! The seats of all priority levels: who gets one, who waits, who is next.
//!
//! A level has seats of its own, and there are those that levels lend. Who finds one of its level's own takes it with an atomic;
//! everything else is decided under a lock.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::limits::{LevelSpec, Limits, limits};
use super::queues::{Place, Queues};

/// Seats among which levels are divided, by the number of the level.
#[derive(Debug)]
pub(super) struct Seats {
    levels: Vec<Own>,
    /// How many seats levels lend.
    lendable: u32,
    /// Requests that wait, at any level.
    waiting: AtomicUsize,
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Own {
    limits: Limits,
    /// Above `limits.lower` it is changed under the lock only.
    in_use: AtomicU32,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Shared {
    /// Seats in use that levels have beyond those that they do not lend.
    lent: u32,
    /// By level; none where requests do not wait.
    queues: Vec<Option<Queues<oneshot::Sender<()>>>>,
    /// The level that is looked at first.
    first: usize,
}

impl Seats {
    /// `total` seats, divided among levels as their configurations say.
    pub(super) fn new(total: u32, specs: &[&LevelSpec]) -> Self {
        let limits = limits(total, specs);
        Self {
            lendable: limits.iter().map(|limits| limits.lendable()).sum(),
            levels: limits.into_iter().map(Own::new).collect(),
            waiting: AtomicUsize::new(0),
            shared: Mutex::new(Shared {
                lent: 0,
                queues: specs.iter().map(|spec| spec.queuing().map(Queues::new)).collect(),
                first: 0,
            }),
        }
    }

    /// What a level may use.
    pub(super) fn limits(&self, level: usize) -> Limits {
        self.levels[level].limits
    }

    /// Seats that a level could have now.
    pub(super) fn current(&self, level: usize) -> u32 {
        let own = &self.levels[level];
        let free = self.lendable - self.shared.lock().lent;
        let could = own.in_use.load(SeqCst).max(own.limits.lower) + free;
        could.min(own.limits.upper)
    }

    /// Takes a seat at once, if nobody else is to have it first.
    pub(super) fn take(&self, level: usize) -> bool {
        let own = &self.levels[level];
        if own.waiting.load(SeqCst) > 0 {
            return false;
        }
        if own.take_own() {
            return true;
        }
        let mut shared = self.shared.lock();
        let nobody_waits = self.waiting.load(SeqCst) == 0;
        let up_to = if nobody_waits {
            own.limits.upper
        } else {
            own.limits.nominal
        };
        self.take_any(&mut shared, level, up_to)
    }

    /// Gives a seat back; it goes to who waits for one.
    pub(super) fn give_back(&self, level: usize) {
        let own = &self.levels[level];
        if !own.give_back_own() {
            let mut shared = self.shared.lock();
            // It may have become one of the level's own meanwhile.
            if !own.give_back_own() {
                own.in_use.fetch_sub(1, SeqCst);
                shared.lent -= 1;
            }
        }
        if self.waiting.load(SeqCst) > 0 {
            self.serve(&mut self.shared.lock());
        }
    }

    /// Waits in a queue of `flow`: the seat is there once `told` is told. None if that queue is full, or where there are none.
    pub(super) fn wait(&self, level: usize, flow: u64, told: oneshot::Sender<()>) -> Option<Place> {
        let mut shared = self.shared.lock();
        let place = shared.queues[level].as_mut()?.push(flow, told)?;
        self.waiting.fetch_add(1, SeqCst);
        self.levels[level].waiting.fetch_add(1, SeqCst);
        // A seat may have become free since it was looked for.
        self.serve(&mut shared);
        Some(place)
    }

    /// Whether requests of a level wait at all.
    pub(super) fn has_queues(&self, level: usize) -> bool {
        self.shared.lock().queues[level].is_some()
    }

    /// Waits no longer; a seat that was given meanwhile goes back.
    pub(super) fn leave(&self, level: usize, place: Place) {
        let mut shared = self.shared.lock();
        let left = shared.queues[level]
            .as_mut()
            .and_then(|queues| queues.remove(place));
        match left {
            Some(_) => self.waits_no_more(level),
            None => {
                drop(shared);
                self.give_back(level);
            }
        }
    }

    fn waits_no_more(&self, level: usize) {
        self.levels[level].waiting.fetch_sub(1, SeqCst);
        self.waiting.fetch_sub(1, SeqCst);
    }

    /// Takes one of the level's own, or one that is lent.
    fn take_any(&self, shared: &mut Shared, level: usize, up_to: u32) -> bool {
        let own = &self.levels[level];
        loop {
            if own.take_own() {
                return true;
            }
            let in_use = own.in_use.load(SeqCst);
            if in_use < own.limits.lower {
                continue;
            }
            if in_use >= up_to || shared.lent >= self.lendable {
                return false;
            }
            if own
                .in_use
                .compare_exchange(in_use, in_use + 1, SeqCst, SeqCst)
                .is_ok()
            {
                shared.lent += 1;
                return true;
            }
        }
    }

    /// Gives seats to those who wait, as long as there are any: first at levels that have lent theirs, in turns.
    fn serve(&self, shared: &mut Shared) {
        while self.serve_one(shared, |limits| limits.nominal) || self.serve_one(shared, |limits| limits.upper)
        {
        }
    }

    fn serve_one(&self, shared: &mut Shared, up_to: impl Fn(Limits) -> u32) -> bool {
        let count = self.levels.len();
        let levels = (0..count).map(|nth| (shared.first + nth) % count);
        for level in levels.collect::<Vec<_>>() {
            let own = &self.levels[level];
            if own.waiting.load(SeqCst) == 0 || !self.take_any(shared, level, up_to(own.limits)) {
                continue;
            }
            let next = shared.queues[level].as_mut().and_then(Queues::pop);
            shared.first = level + 1;
            self.waits_no_more(level);
            // Who leaves is taken out under the lock before it stops listening.
            let _ = next.map(|told| told.send(()));
            return true;
        }
        false
    }
}

impl Own {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            in_use: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes a seat that is not lent.
    fn take_own(&self) -> bool {
        let one_more = |in_use| (in_use < self.limits.lower).then_some(in_use + 1);
        self.in_use.fetch_update(SeqCst, SeqCst, one_more).is_ok()
    }

    /// Gives back a seat that is not lent.
    fn give_back_own(&self) -> bool {
        let one_less = |in_use| (in_use <= self.limits.lower).then(|| in_use - 1);
        self.in_use.fetch_update(SeqCst, SeqCst, one_less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn level(shares: u32, lendable: u32, borrowing: Option<u32>, length: u32) -> LevelSpec {
        LevelSpec::deserialize(json!({"type": "Limited", "limited": {
            "nominalConcurrencyShares": shares, "lendablePercent": lendable, "borrowingLimitPercent": borrowing,
            "limitResponse": {"queuing": {"queues": 1, "handSize": 1, "queueLengthLimit": length}},
        }}))
        .expect("a spec")
    }

    fn taken(seats: &Seats, level: usize) -> usize {
        (0..1_000).take_while(|_| seats.take(level)).count()
    }

    #[test]
    fn seats_are_lent_as_far_as_they_may_be() {
        let (lends, keeps, borrows_little) = (
            level(10, 50, None, 1),
            level(10, 0, None, 1),
            level(10, 0, Some(20), 1),
        );
        for (specs, order, expected) in [
            (&[&lends, &keeps][..], &[1, 0, 1][..], &[15, 5, 0][..]),
            (&[&lends, &keeps], &[0, 1], &[10, 10]),
            (&[&lends, &borrows_little], &[1, 0], &[12, 8]),
            (&[&lends, &lends], &[0, 1], &[15, 5]),
        ] {
            let seats = Seats::new(10 * u32::try_from(specs.len()).expect("few"), specs);
            let found: Vec<usize> = order.iter().map(|&level| taken(&seats, level)).collect();
            assert_eq!(found, expected, "{specs:?}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_by_others() {
        let lends = level(10, 50, None, 1);
        let seats = Seats::new(20, &[&lends, &lends]);
        assert_eq!(
            (taken(&seats, 0), seats.current(0), seats.current(1)),
            (15, 15, 5)
        );
        for _ in 0..15 {
            seats.give_back(0);
        }
        assert_eq!(
            (seats.current(0), taken(&seats, 1), taken(&seats, 0)),
            (15, 15, 5)
        );
    }

    fn wait(seats: &Seats, level: usize) -> Option<(Place, oneshot::Receiver<()>)> {
        let (told, receiver) = oneshot::channel();
        Some((seats.wait(level, 0, told)?, receiver))
    }

    #[test]
    fn who_has_lent_its_seats_gets_them_first() {
        let lends = level(10, 100, None, 2);
        let seats = Seats::new(20, &[&lends, &lends]);
        assert_eq!((taken(&seats, 0), seats.take(1)), (20, false));
        let (_, mut borrower) = wait(&seats, 0).expect("a place");
        let (_, mut lender) = wait(&seats, 1).expect("a place");
        seats.give_back(0);
        assert_eq!((lender.try_recv(), borrower.try_recv().is_ok()), (Ok(()), false));
        // Who comes now does not overtake.
        assert!(!seats.take(0));
        seats.give_back(0);
        assert_eq!(borrower.try_recv(), Ok(()));
        seats.give_back(0);
        assert!(seats.take(1));
    }

    #[test]
    fn who_leaves_gives_its_seat_or_its_place_back() {
        let one = level(1, 0, None, 1);
        let seats = Seats::new(1, &[&one]);
        assert!(seats.take(0) && !seats.take(0));
        let (first, _receiver) = wait(&seats, 0).expect("a place");
        assert!(wait(&seats, 0).is_none(), "full");
        seats.leave(0, first);
        let (second, _receiver) = wait(&seats, 0).expect("a place");
        seats.give_back(0);
        assert!(!seats.take(0));
        seats.leave(0, second);
        assert!(seats.take(0));
    }

    #[test]
    fn no_seat_is_lost_or_made_among_threads() {
        let lends = level(2, 50, None, 1_000);
        let seats = Seats::new(4, &[&lends, &lends]);
        let working = AtomicU32::new(0);
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (seats, working, most) = (&seats, &working, &most);
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let level = thread % 2;
                        if !seats.take(level) {
                            let Some((_, receiver)) = wait(seats, level) else {
                                continue;
                            };
                            receiver.blocking_recv().expect("a seat");
                        }
                        most.fetch_max(working.fetch_add(1, SeqCst) + 1, SeqCst);
                        working.fetch_sub(1, SeqCst);
                        seats.give_back(level);
                    }
                });
            }
        });
        assert!(most.load(SeqCst) <= 4);
        assert_eq!((seats.shared.lock().lent, seats.waiting.load(SeqCst)), (0, 0));
        assert_eq!(taken(&seats, 0) + taken(&seats, 1), 4);
    }
}
