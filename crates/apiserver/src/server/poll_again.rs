//! Polls at once again what has woken itself.
//!
//! A connection wakes itself whenever the body of a request is read. If the runtime sees to it, the other processor is woken to
//! take the task, and finds that there was nothing to do; for a small write that is a good part of what it costs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// So often in a row; then others come first.
const IN_A_ROW: usize = 4;

const RESTS: u8 = 0;
const IS_POLLED: u8 = 1;
const WAS_WOKEN: u8 = 2;

/// A future that is polled again where it has been woken while it was polled.
pub(super) struct PollAgain<F> {
    work: F,
    signal: Arc<Signal>,
    waker: Waker,
}

/// Tells wakes that come while the work is polled from others.
struct Signal {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl<F> PollAgain<F> {
    pub(super) fn new(work: F) -> Self {
        let signal = Arc::new(Signal {
            state: AtomicU8::new(RESTS),
            task: Mutex::new(Waker::noop().clone()),
        });
        Self {
            work,
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }
}

impl Signal {
    /// Every change writes, also that from a state into the same: whoever polls next sees all that was done before any wake.
    fn replace(&self, state: u8) -> u8 {
        self.state.swap(state, Ordering::AcqRel)
    }

    /// Whether nobody has woken the work since it is polled; it rests then.
    fn rests(&self) -> bool {
        self.state
            .compare_exchange(IS_POLLED, RESTS, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.replace(WAS_WOKEN) == RESTS {
            let task = self.task.lock().clone();
            task.wake();
        }
    }
}

impl<F: Future + Unpin> Future for PollAgain<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { work, signal, waker } = &mut *self;
        signal.task.lock().clone_from(context.waker());
        for _ in 0..IN_A_ROW {
            signal.replace(IS_POLLED);
            if let Poll::Ready(output) = Pin::new(&mut *work).poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if signal.rests() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use futures::task::AtomicWaker;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often work that wakes itself so often is polled at once, and its task woken.
    fn check(self_wakes: usize, expected: (usize, usize)) {
        let mut polls = 0;
        let work = poll_fn(|context| {
            polls += 1;
            if polls <= self_wakes {
                context.waker().wake_by_ref();
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        let wakes = Arc::new(Wakes::default());
        let task = Waker::from(Arc::clone(&wakes));
        let mut polled_again = PollAgain::new(work);
        assert!(
            Pin::new(&mut polled_again)
                .poll(&mut Context::from_waker(&task))
                .is_pending()
        );
        drop(polled_again);
        assert_eq!((polls, wakes.0.load(Ordering::SeqCst)), expected, "{self_wakes}");
    }

    #[test]
    fn what_wakes_itself_is_polled_again_but_not_for_ever() {
        check(0, (1, 0));
        check(1, (2, 0));
        check(3, (4, 0));
        check(100, (4, 1));
    }

    #[tokio::test]
    async fn what_is_woken_by_others_wakes_its_task() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(PollAgain::new(Box::pin(receiver)));
        tokio::task::yield_now().await;
        sender.send(5).expect("it waits");
        assert_eq!(task.await.expect("it ends"), Ok(5));
    }

    #[tokio::test]
    async fn no_wake_is_lost_that_comes_from_another_processor() {
        const WAKES: usize = 200_000;
        let (waker, count) = (Arc::new(AtomicWaker::new()), Arc::new(AtomicUsize::new(0)));
        let (wakes, counted) = (Arc::clone(&waker), Arc::clone(&count));
        let work = poll_fn(move |context| {
            wakes.register(context.waker());
            match counted.load(Ordering::Acquire) {
                WAKES => Poll::Ready(()),
                count if count % 2 == 0 => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Pending,
            }
        });
        let other = std::thread::spawn(move || {
            for _ in 0..WAKES {
                count.fetch_add(1, Ordering::AcqRel);
                waker.wake();
            }
        });
        let ended = tokio::time::timeout(Duration::from_secs(60), PollAgain::new(work)).await;
        assert_eq!(ended, Ok(()));
        other.join().expect("it only counts");
    }
}
