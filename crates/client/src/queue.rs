//! A queue of keys to work on: a key waits at most once, is worked on by one worker at a time, and comes back later if
//! work on it failed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The first wait after a failure; it doubles with each further one.
const BASE_DELAY: Duration = Duration::from_millis(5);
/// The longest wait after a failure.
const MAX_DELAY: Duration = Duration::from_secs(1000);

/// A queue of keys. Clones share it.
pub struct WorkQueue<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for WorkQueue<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// A key is ready, or the earliest delayed key changed, or the queue was closed.
    changed: Notify,
}

struct State<T> {
    ready: VecDeque<T>,
    /// Keys that are ready, or came again while being worked on.
    dirty: HashSet<T>,
    working: HashSet<T>,
    delayed: BinaryHeap<Reverse<Delayed<T>>>,
    failures: HashMap<T, u32>,
    closed: bool,
}

struct Delayed<T> {
    due: Instant,
    key: T,
}

impl<T> PartialEq for Delayed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}
impl<T> Eq for Delayed<T> {}
impl<T> PartialOrd for Delayed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Delayed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl<T: Clone + Eq + Hash> Default for WorkQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Eq + Hash> WorkQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            working: HashSet::new(),
            delayed: BinaryHeap::new(),
            failures: HashMap::new(),
            closed: false,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
        }
    }

    /// Puts a key in, unless it waits already.
    pub fn add(&self, key: T) {
        self.shared.state.lock().add(key);
        self.shared.changed.notify_one();
    }

    /// Puts a key in once the time has passed.
    pub fn add_after(&self, key: T, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        self.shared.state.lock().delayed.push(Reverse(Delayed {
            due: Instant::now() + delay,
            key,
        }));
        self.shared.changed.notify_one();
    }

    /// Puts a key in after a wait that doubles with each failure since the last [`WorkQueue::forget`].
    pub fn add_rate_limited(&self, key: T) {
        let failures = {
            let mut state = self.shared.state.lock();
            let failures = state.failures.entry(key.clone()).or_default();
            *failures += 1;
            *failures
        };
        self.add_after(key, backoff(failures));
    }

    /// Work on the key succeeded: its next failure waits the shortest time again.
    pub fn forget(&self, key: &T) {
        self.shared.state.lock().failures.remove(key);
    }

    /// Failures of the key since the last [`WorkQueue::forget`].
    pub fn failures(&self, key: &T) -> u32 {
        self.shared.state.lock().failures.get(key).copied().unwrap_or(0)
    }

    /// The next key, when there is one; none once the queue is closed. [`WorkQueue::done`] must follow.
    pub async fn get(&self) -> Option<T> {
        loop {
            let due = {
                let mut state = self.shared.state.lock();
                if state.closed {
                    return None;
                }
                state.promote(Instant::now());
                if let Some(key) = state.take() {
                    if !state.ready.is_empty() {
                        self.shared.changed.notify_one();
                    }
                    return Some(key);
                }
                state.delayed.peek().map(|Reverse(next)| next.due)
            };
            let changed = self.shared.changed.notified();
            match due {
                None => changed.await,
                Some(due) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(due) => {}
                    }
                }
            }
        }
    }

    /// Work on the key is over; if it came again meanwhile, it is ready again.
    pub fn done(&self, key: &T) {
        if self.shared.state.lock().finish(key) {
            self.shared.changed.notify_one();
        }
    }

    /// Ends the queue: all waiting workers get none.
    pub fn close(&self) {
        self.shared.state.lock().closed = true;
        // A worker that is about to wait misses `notify_waiters`, so one permit is left too; each woken worker passes on.
        self.shared.changed.notify_waiters();
        self.shared.changed.notify_one();
    }

    /// Keys that are ready.
    pub fn len(&self) -> usize {
        self.shared.state.lock().ready.len()
    }

    /// Whether no key is ready.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone + Eq + Hash> State<T> {
    fn add(&mut self, key: T) {
        if !self.closed && self.dirty.insert(key.clone()) && !self.working.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn promote(&mut self, now: Instant) {
        while self.delayed.peek().is_some_and(|Reverse(next)| next.due <= now) {
            if let Some(Reverse(due)) = self.delayed.pop() {
                self.add(due.key);
            }
        }
    }

    fn take(&mut self) -> Option<T> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }

    /// Whether the key is ready again.
    fn finish(&mut self, key: &T) -> bool {
        self.working.remove(key);
        let again = self.dirty.contains(key);
        if again {
            self.ready.push_back(key.clone());
        }
        again
    }
}

fn backoff(failures: u32) -> Duration {
    let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    BASE_DELAY.saturating_mul(factor).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_waits_once_and_is_worked_on_once_at_a_time() {
        let queue = WorkQueue::new();
        queue.add("a");
        queue.add("a");
        queue.add("b");
        assert_eq!(queue.get().await, Some("a"));
        queue.add("a");
        assert_eq!(queue.get().await, Some("b"));
        assert!(queue.is_empty(), "a is being worked on");
        queue.done(&"a");
        assert_eq!(queue.get().await, Some("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn delayed_keys_come_in_order_of_time() {
        let queue = WorkQueue::new();
        queue.add_after("late", Duration::from_secs(2));
        queue.add_after("early", Duration::from_secs(1));
        assert_eq!(queue.get().await, Some("early"));
        assert_eq!(queue.get().await, Some("late"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_key_overtakes_a_sleeping_worker() {
        let queue = WorkQueue::new();
        queue.add_after("late", Duration::from_secs(60));
        let worker = tokio::spawn({
            let queue = queue.clone();
            async move { queue.get().await }
        });
        tokio::task::yield_now().await;
        queue.add("now");
        assert_eq!(worker.await.ok().flatten(), Some("now"));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        assert_eq!(backoff(1), Duration::from_millis(5));
        assert_eq!(backoff(4), Duration::from_millis(40));
        assert_eq!(backoff(40), MAX_DELAY);
    }

    #[tokio::test]
    async fn closing_wakes_every_worker() {
        let queue = WorkQueue::<&str>::new();
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.get().await })
            })
            .collect();
        tokio::task::yield_now().await;
        queue.close();
        for worker in workers {
            assert_eq!(worker.await.ok().flatten(), None);
        }
    }
}
