//! The API servers of a cluster, of which one is in use. Which of them works is known from using them, never from asking.

use std::sync::Arc;

use http::StatusCode;
use http::uri::{Authority, Uri};
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::config::ConfigError;

/// After so many answers in a row that tell of a broken server, another is used.
const FAILURES: u32 = 3;
/// What `https://HOST` without a port means.
const HTTPS: u16 = 443;

/// The API servers of a cluster. Clones are the same.
#[derive(Clone, Debug)]
pub struct Servers(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Those that were given: they stay.
    given: Vec<Authority>,
    /// Those that the cluster named beside them.
    learned: Vec<Authority>,
    current: InUse,
    /// Answers in a row that tell of a broken server.
    failures: u32,
}

/// The server that is in use.
#[derive(Clone, Debug)]
pub struct InUse {
    server: Authority,
    /// Fires when it is no longer: its connections, and the watches on them, end then.
    left: CancellationToken,
}

impl InUse {
    fn new(server: Authority) -> Self {
        Self {
            server,
            left: CancellationToken::new(),
        }
    }

    /// Host and port.
    pub fn authority(&self) -> &Authority {
        &self.server
    }
}

impl Servers {
    /// Servers by their URLs, `https://HOST:PORT`; the first is used first.
    pub fn new(urls: &[String]) -> Result<Self, ConfigError> {
        let given = urls
            .iter()
            .map(|url| authority(url))
            .collect::<Result<Vec<_>, _>>()?;
        let first = given.first().cloned();
        let first = first.ok_or_else(|| ConfigError::Server(String::new()))?;
        Ok(Self(Arc::new(Mutex::new(State {
            given,
            learned: Vec::new(),
            current: InUse::new(first),
            failures: 0,
        }))))
    }

    /// The one in use.
    pub fn current(&self) -> InUse {
        self.0.lock().current.clone()
    }

    /// All of them, as URLs: those that were given first.
    pub fn urls(&self) -> Vec<String> {
        let all = self.0.lock().all();
        all.iter().map(|server| format!("https://{server}")).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let state = self.0.lock();
        match state.learned.is_empty() {
            true => state.given.len(),
            false => state.all().len(),
        }
    }

    /// Takes in what the cluster says its servers are, as `HOST:PORT`. One that is no longer among them is not used any
    /// longer. A cluster that names none is not believed.
    pub fn learn(&self, named: &[String]) {
        let named: Vec<Authority> = named.iter().filter_map(|name| name.parse().ok()).collect();
        if named.is_empty() {
            return;
        }
        let mut state = self.0.lock();
        state.learned = named;
        if !state.all().contains(&state.current.server) {
            state.move_on();
        }
    }

    /// That server cannot be reached, or does not answer: another is used from now on, if there is one.
    pub fn leave(&self, left: &InUse) {
        let mut state = self.0.lock();
        if state.current.server == left.server {
            state.move_on();
        }
    }

    /// That server has answered.
    pub(crate) fn answered(&self, by: &InUse, status: StatusCode) {
        let mut state = self.0.lock();
        if state.current.server != by.server {
            return;
        }
        state.failures = if is_broken(status) { state.failures + 1 } else { 0 };
        if state.failures >= FAILURES {
            state.move_on();
        }
    }

    /// Resolves when the server of that name is no longer in use.
    pub(crate) fn left(&self, server: &Authority) -> WaitForCancellationFutureOwned {
        let state = self.0.lock();
        let token = if state.current.server == *server {
            state.current.left.clone()
        } else {
            // It was left while the connection was made.
            let left = CancellationToken::new();
            left.cancel();
            left
        };
        token.cancelled_owned()
    }
}

impl State {
    fn all(&self) -> Vec<Authority> {
        let more = self.learned.iter().filter(|server| !self.given.contains(server));
        self.given.iter().chain(more).cloned().collect()
    }

    /// To any other, so that a server's clients spread over those that are left.
    fn move_on(&mut self) {
        self.failures = 0;
        let mut others = self.all();
        others.retain(|server| *server != self.current.server);
        if others.is_empty() {
            return;
        }
        let next = others.swap_remove(random() % others.len());
        tracing::warn!(from = %self.current.server, to = %next, "another API server is used");
        let left = std::mem::replace(&mut self.current, InUse::new(next));
        left.left.cancel();
    }
}

/// What a server answers that has lost its store, or is about to end.
fn is_broken(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502..=504)
}

fn random() -> usize {
    use std::hash::{BuildHasher, RandomState};
    // A new hasher's keys are random.
    RandomState::new().hash_one(0) as usize
}

/// Host and port of a URL.
pub(crate) fn authority(url: &str) -> Result<Authority, ConfigError> {
    let refused = || ConfigError::Server(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let authority = uri.authority().cloned().ok_or_else(refused)?;
    if authority.port().is_some() {
        return Ok(authority);
    }
    format!("{authority}:{HTTPS}").parse().map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &[&str]) -> Servers {
        let urls: Vec<String> = urls.iter().map(|&url| url.to_owned()).collect();
        Servers::new(&urls).expect("addresses")
    }

    fn named(servers: &Servers) -> String {
        servers.current().authority().to_string()
    }

    #[test]
    fn addresses_are_urls() {
        for (url, wanted) in [
            ("https://a:6443", Some("a:6443")),
            ("https://a", Some("a:443")),
            ("https://[::1]:6443", Some("[::1]:6443")),
            ("", None),
            ("/path", None),
        ] {
            let found = authority(url).ok().map(|found| found.to_string());
            assert_eq!(found.as_deref(), wanted, "{url}");
        }
        assert!(Servers::new(&[]).is_err());
    }

    #[test]
    fn another_is_used_when_one_fails_and_the_first_stays_until_then() {
        let servers = servers(&["https://a:1", "https://b:1"]);
        let first = servers.current();
        for status in [500, 503, 200, 504, 500, 409] {
            servers.answered(&first, StatusCode::from_u16(status).expect("a status"));
        }
        assert_eq!(named(&servers), "a:1");
        for _ in 0..FAILURES {
            servers.answered(&first, StatusCode::SERVICE_UNAVAILABLE);
        }
        assert_eq!(named(&servers), "b:1");
        assert!(first.left.is_cancelled());
        // What is told late of the first means nothing for the second.
        servers.leave(&first);
        assert_eq!(named(&servers), "b:1");
    }

    #[test]
    fn a_lone_server_is_never_left() {
        let servers = servers(&["https://a:1"]);
        let only = servers.current();
        servers.leave(&only);
        assert_eq!(named(&servers), "a:1");
        assert!(!only.left.is_cancelled());
    }

    #[test]
    fn the_cluster_says_which_servers_there_are() {
        let servers = servers(&["https://a:1"]);
        let learn = |names: &[&str]| {
            servers.learn(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        };
        learn(&["a:1", "b:1", "c:1"]);
        assert_eq!(servers.urls(), ["https://a:1", "https://b:1", "https://c:1"]);
        learn(&["b:1"]);
        assert_eq!(named(&servers), "a:1", "what was given stays");
        servers.leave(&servers.current());
        assert_eq!(named(&servers), "b:1");
        learn(&["c:1"]);
        assert_ne!(named(&servers), "b:1", "what is gone is left");
        learn(&[]);
        assert_eq!(servers.count(), 2);
    }
}
