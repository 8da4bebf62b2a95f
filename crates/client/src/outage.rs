//! Whether the server answers, as the requests of a client tell; those who wait to ask again hear when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::Response;
use tokio::sync::watch;

use crate::transport::{Body, TransportError};

/// After so many requests in a row without an answer the server is taken to be away. One that answers is there, whatever it
/// says: what it may not have is another server's, and would be asked for again and again.
const FAILURES: u32 = 3;

/// What a client knows of outages of its server. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Requests in a row that nobody has answered.
    failures: AtomicU32,
    back: watch::Sender<()>,
}

impl Outages {
    /// Takes in how a request went. Nobody is told but the first time after an outage.
    pub(crate) fn heard(&self, answer: &Result<Response<Body>, TransportError>) {
        let failures = &self.0.failures;
        if answer.is_err() {
            failures.fetch_add(1, Ordering::Relaxed);
        } else if failures.load(Ordering::Relaxed) > 0 && failures.swap(0, Ordering::Relaxed) >= FAILURES {
            self.0.back.send_replace(());
        }
    }

    /// Changes whenever the server is back.
    pub(crate) fn ends(&self) -> watch::Receiver<()> {
        self.0.back.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::transport::empty;

    /// Whether the server is said to be back after requests that were answered so; 0 is none.
    fn check(answers: &[u16], expected: bool) {
        let outages = Outages::default();
        let ends = outages.ends();
        for &code in answers {
            outages.heard(&match code {
                0 => Err(TransportError::new("nobody is there")),
                code => {
                    let mut answer = Response::new(empty());
                    *answer.status_mut() = StatusCode::from_u16(code).expect("a status");
                    Ok(answer)
                }
            });
        }
        assert_eq!(ends.has_changed().expect("open"), expected, "{answers:?}");
    }

    #[test]
    fn a_server_is_back_when_it_answers_after_several_failures() {
        check(&[200, 404], false);
        check(&[0, 0, 0], false);
        check(&[0, 0, 0, 200], true);
        check(&[0, 0, 0, 404], true);
        check(&[503, 503, 503, 200], false);
        check(&[0, 0, 200, 0, 200], false);
    }
}
