//! The `resolv.conf` that names the servers for names that are not the cluster's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

const DNS_PORT: u16 = 53;
/// As many as the C library uses.
const MAX_SERVERS: usize = 3;
/// A look at the file's time of change is worth this much time.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// The servers a `resolv.conf` names. A query that needs them looks whether the file has changed, now and then.
pub(crate) struct ResolvConf {
    path: PathBuf,
    /// Addresses that lead back to us.
    own: Vec<SocketAddr>,
    own_service: Vec<IpAddr>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    servers: Arc<[SocketAddr]>,
    looked: Option<Instant>,
    changed: Option<SystemTime>,
}

impl ResolvConf {
    /// `own` and `own_service` are addresses that lead back to us.
    pub(crate) fn new(path: PathBuf, own: Vec<SocketAddr>, own_service: Vec<IpAddr>) -> Self {
        Self {
            path,
            own,
            own_service,
            state: Mutex::default(),
        }
    }

    /// Just these, whatever their ports.
    #[cfg(test)]
    pub(crate) fn fixed(servers: Vec<SocketAddr>) -> Self {
        let conf = Self::new(PathBuf::from("/nonexistent"), Vec::new(), Vec::new());
        conf.state.lock().servers = servers.into();
        conf
    }

    /// The servers, in order of preference.
    pub(crate) fn servers(&self) -> Arc<[SocketAddr]> {
        let mut state = self.state.lock();
        if state.looked.is_none_or(|looked| looked.elapsed() >= GOOD_FOR) {
            state.looked = Some(Instant::now());
            if let Err(error) = self.look(&mut state) {
                tracing::warn!(path = %self.path.display(), %error, "cannot read the file that names DNS servers");
            }
        }
        state.servers.clone()
    }

    fn look(&self, state: &mut State) -> io::Result<()> {
        let changed = std::fs::metadata(&self.path)?.modified()?;
        if state.changed == Some(changed) {
            return Ok(());
        }
        let text = std::fs::read_to_string(&self.path)?;
        state.servers = self.usable(&text);
        state.changed = Some(changed);
        Ok(())
    }

    fn usable(&self, text: &str) -> Arc<[SocketAddr]> {
        let leads_back = |address: &SocketAddr| {
            self.own_service.contains(&address.ip()) || self.own.iter().any(|own| own == address)
        };
        parse(text)
            .filter(|address| !leads_back(address))
            .take(MAX_SERVERS)
            .collect()
    }
}

fn parse(text: &str) -> impl Iterator<Item = SocketAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = (words.next() == Some("nameserver")).then(|| words.next())??;
        // A zone says by which interface; only link-local addresses have one, and those a pod cannot mean.
        Some(SocketAddr::new(address.parse().ok()?, DNS_PORT))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let own = vec!["127.0.0.1:53".parse().unwrap()];
        let conf = ResolvConf::new("/nonexistent".into(), own, vec!["10.43.0.10".parse().unwrap()]);
        let servers: Vec<String> = conf.usable(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, expected, "{text}");
    }

    #[test]
    fn servers_are_read() {
        check("", &[]);
        check(
            "# nameserver 1.1.1.1\nsearch example.com\n\tnameserver\t8.8.8.8 # x\nnameserver 2001:db8::1\n",
            &["8.8.8.8:53", "[2001:db8::1]:53"],
        );
        check("nameserver nonsense\nnameserver\noptions ndots:5", &[]);
        check(
            "nameserver 127.0.0.1\nnameserver 10.43.0.10\nnameserver 1.1.1.1",
            &["1.1.1.1:53"],
        );
        let many: String = (1..9).map(|last| format!("nameserver 10.0.0.{last}\n")).collect();
        check(&many, &["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let conf = ResolvConf::new(path.clone(), Vec::new(), Vec::new());
        assert!(conf.servers().is_empty());
        std::fs::write(&path, "nameserver 1.1.1.1").unwrap();
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(conf.servers().len(), 1);
        std::fs::write(&path, "nameserver 1.1.1.1\nnameserver 1.0.0.1").unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        std::fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(later))
            .unwrap();
        assert_eq!(conf.servers().len(), 1, "the last look is still good");
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(conf.servers().len(), 2);
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(conf.servers().len(), 2, "what was known goes on");
    }
}
