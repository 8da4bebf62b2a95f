//! Whether the client is still there: it is asked when it has been silent for a while.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::frames::PING;
use super::outlet::{Gone, Outlet};

/// It is looked so often whether anything came.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// It answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Asks, and waits for answers.
pub(super) struct KeepAlive {
    timer: Pin<Box<Sleep>>,
    is_asked: bool,
    /// Whether the client has shown itself since the timer began.
    is_there: bool,
}

impl KeepAlive {
    pub(super) fn new() -> Self {
        Self {
            timer: Box::pin(sleep(ASK_EVERY)),
            is_asked: false,
            is_there: false,
        }
    }

    /// Something has come of the client, or it has taken what it had not taken: an answer may be stuck behind that.
    pub(super) fn show(&mut self) {
        self.is_there = true;
    }

    /// Asks when it is time; ready when the client has gone.
    pub(super) fn poll(&mut self, outlet: &Outlet, cx: &mut Context<'_>) -> Poll<Gone> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if std::mem::take(&mut self.is_there) {
                self.is_asked = false;
                self.timer.as_mut().reset(Instant::now() + ASK_EVERY);
                continue;
            }
            if self.is_asked {
                return Poll::Ready(Gone);
            }
            outlet.frame(PING, 0, 0, b"are you?");
            self.is_asked = true;
            self.timer.as_mut().reset(Instant::now() + ANSWER_WITHIN);
        }
    }
}
