//! Whether the client is still there: it is asked now and then.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::{Ping, PingPong, Reason};
use tokio::time::{Instant, Sleep, sleep};

/// A client is asked so often.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// It answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Asks, and waits for answers.
pub(super) struct KeepAlive {
    pings: PingPong,
    timer: Pin<Box<Sleep>>,
    is_asked: bool,
}

impl KeepAlive {
    pub(super) fn new(pings: PingPong) -> Self {
        Self {
            pings,
            timer: Box::pin(sleep(ASK_EVERY)),
            is_asked: false,
        }
    }

    /// Ready when the client has gone.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if self.is_asked
                && let Poll::Ready(answer) = self.pings.poll_pong(cx)
            {
                answer?;
                self.is_asked = false;
                self.timer.as_mut().reset(Instant::now() + ASK_EVERY);
            }
            ready!(self.timer.as_mut().poll(cx));
            if self.is_asked {
                return Poll::Ready(Err(Reason::NO_ERROR.into()));
            }
            self.pings.send_ping(Ping::opaque())?;
            self.is_asked = true;
            self.timer.as_mut().reset(Instant::now() + ANSWER_WITHIN);
        }
    }
}
