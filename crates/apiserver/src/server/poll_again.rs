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
    fn change(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.change(IS_POLLED, WAS_WOKEN) == Err(RESTS) {
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
            signal.state.store(IS_POLLED, Ordering::Release);
            if let Poll::Ready(output) = Pin::new(&mut *work).poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if signal.change(IS_POLLED, RESTS).is_ok() {
                return Poll::Pending;
            }
        }
        signal.state.store(RESTS, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

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
}
