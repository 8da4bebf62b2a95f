//! The keeper: the thread that does the store's housekeeping beside the writer, and sleeps when there is
//! none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::engine::{Engine, Housekeeping};

/// After housekeeping has failed, it is tried again so much later.
const RETRY: Duration = Duration::from_secs(10);

pub(crate) struct Keeper {
    pub(crate) engine: Arc<Engine>,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) bell: Arc<Bell>,
    pub(crate) clock: Clock,
}

/// Wakes the keeper.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    closed: bool,
    /// Whether the keeper will not wake by itself.
    sleeps_for_good: bool,
}

impl Keeper {
    /// Runs until the bell is closed.
    pub(crate) fn run(mut self) {
        let mut wake_at = Some(Instant::now());
        while self.bell.wait(wake_at) {
            wake_at = match self.housekeeping.run(&self.engine, self.clock.now_ms()) {
                Ok(next_ms) => next_ms.and_then(|next_ms| self.clock.instant(next_ms)),
                Err(error) => {
                    tracing::warn!(%error, "the housekeeping of the state store failed");
                    Some(Instant::now() + RETRY)
                }
            };
            self.bell.sleep(wake_at.is_none());
            if wake_at.is_none() && !self.housekeeping.is_settled(&self.engine) {
                // Something was committed while the keeper was about to go to sleep.
                self.bell.ring();
            }
        }
    }
}

impl Bell {
    /// Has the keeper look what there is to do.
    pub(crate) fn ring(&self) {
        let mut state = self.state.lock();
        state.rung = true;
        state.sleeps_for_good = false;
        self.rung.notify_one();
    }

    /// Something was written. Rings if that is an occasion for housekeeping: a new segment since there were
    /// so many, too much history, or the keeper does not know yet that there is any.
    pub(crate) fn written(&self, engine: &Engine, occasions_before: u64) {
        let occasion = engine.occasions() > occasions_before || engine.has_too_much_history();
        if occasion || self.state.lock().sleeps_for_good {
            self.ring();
        }
    }

    /// Ends the keeper.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.rung.notify_one();
    }

    fn sleep(&self, for_good: bool) {
        self.state.lock().sleeps_for_good = for_good;
    }

    /// Waits for the bell or the time; gives whether to go on.
    fn wait(&self, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while !state.rung && !state.closed {
            match until {
                None => self.rung.wait(&mut state),
                Some(until) => {
                    if self.rung.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        state.rung = false;
        !state.closed
    }
}
