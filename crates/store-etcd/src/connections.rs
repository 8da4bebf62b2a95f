//! The connections to the members, and how a request finds one that answers.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_rpc::MessageLimits;
use etcd_rpc::client::{KvClient, LeaseClient, MaintenanceClient, WatchClient};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::Address;
use crate::answer::{Answer, unsigned};
use crate::connect::ConnectError;
use crate::connector::Connector;
use crate::failure::Failure;
use crate::options::Timeouts;
use crate::tls::Tls;

/// How often a connection is asked whether the member is still there while something is waited for. etcd tolerates a question
/// every five seconds.
const PING_EVERY: Duration = Duration::from_secs(8);
/// How long the answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// What may be on its way to us before we have read it: of one answer, and of all requests together.
const REQUEST_WINDOW: u32 = 4 << 20;
const REQUESTS_WINDOW: u32 = 32 << 20;
/// The same of watches. They may be left unread and must not stand in each other's way.
const WATCH_WINDOW: u32 = 1 << 20;
const WATCHES_WINDOW: u32 = 256 << 20;

/// The pause after all members have failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A member.
pub(crate) struct Member {
    pub(crate) address: Address,
    requests: Channel,
    watches: Channel,
}

impl Member {
    fn new(address: Address, tls: Option<Arc<Tls>>, timeouts: &Timeouts) -> Result<Self, ConnectError> {
        let connector = Connector {
            tls: tls.filter(|_| address.tls),
            address,
        };
        let address = connector.address.clone();
        let endpoint = Endpoint::from_shared(address.origin())
            .map_err(|_| ConnectError::Endpoint {
                url: address.to_string(),
                problem: "it is no URL",
            })?
            .connect_timeout(timeouts.connect)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT);
        let channel = |window: u32, windows: u32| {
            endpoint
                .clone()
                .initial_stream_window_size(window)
                .initial_connection_window_size(windows)
                .connect_with_connector_lazy(connector.clone())
        };
        Ok(Self {
            requests: channel(REQUEST_WINDOW, REQUESTS_WINDOW),
            watches: channel(WATCH_WINDOW, WATCHES_WINDOW),
            address,
        })
    }

    pub(crate) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.requests.clone(), MessageLimits::CLIENT)
    }

    pub(crate) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.requests.clone(), MessageLimits::CLIENT)
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.requests.clone(), MessageLimits::CLIENT)
    }

    pub(crate) fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.watches.clone(), MessageLimits::CLIENT)
    }
}

/// A request that a member without a leader refuses at once.
pub(crate) fn needs_leader<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("hasleader", MetadataValue::from_static("true"));
    request
}

/// How a request is to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How long one member may take.
    pub(crate) attempt: Duration,
    /// How long all of it may take.
    pub(crate) total: Duration,
    /// Whether it is no harm if it is done twice.
    pub(crate) repeatable: bool,
}

/// The connections to all members.
pub(crate) struct Connections {
    members: Vec<Arc<Member>>,
    /// The member that is asked next.
    preferred: AtomicUsize,
    /// The cluster they all must belong to; 0 until the first answer.
    cluster: AtomicU64,
    /// The highest revision that any answer told of.
    newest: AtomicU64,
    pub(crate) timeouts: Timeouts,
}

impl Connections {
    /// Connections that are made when they are first needed.
    pub(crate) fn new(
        addresses: Vec<Address>,
        tls: Option<&Arc<Tls>>,
        timeouts: Timeouts,
    ) -> Result<Self, ConnectError> {
        let members = addresses
            .into_iter()
            .map(|address| Member::new(address, tls.cloned(), &timeouts).map(Arc::new));
        Ok(Self {
            members: members.collect::<Result<_, _>>()?,
            preferred: AtomicUsize::new(0),
            cluster: AtomicU64::new(0),
            newest: AtomicU64::new(0),
            timeouts,
        })
    }

    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The highest revision heard of.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// The member to ask now, and its number.
    pub(crate) fn preferred(&self) -> (usize, &Arc<Member>) {
        let index = self.preferred.load(Ordering::Relaxed) % self.members.len();
        (index, &self.members[index])
    }

    /// Has the next member asked from now on, unless somebody else came first.
    pub(crate) fn pass_over(&self, index: usize) {
        let next = (index + 1) % self.members.len();
        let _ = self
            .preferred
            .compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Has this member asked first.
    pub(crate) fn prefer(&self, index: usize) {
        self.preferred.store(index, Ordering::Relaxed);
    }

    /// Remembers what the header of an answer tells. Refuses the answer of another cluster.
    pub(crate) fn hear(&self, answer: &impl Answer) -> Result<(), Failure> {
        let Some(header) = answer.header() else {
            return Ok(());
        };
        let known = self
            .cluster
            .compare_exchange(0, header.cluster_id, Ordering::AcqRel, Ordering::Acquire)
            .unwrap_or_else(|known| known);
        if known != 0 && known != header.cluster_id {
            return Err(Failure::NotTaken(format!(
                "it belongs to the etcd cluster {:x}, not to {known:x}",
                header.cluster_id
            )));
        }
        self.newest.fetch_max(unsigned(header.revision), Ordering::AcqRel);
        Ok(())
    }

    pub(crate) fn reading(&self) -> Effort {
        Effort {
            attempt: self.timeouts.read_attempt,
            total: self.timeouts.total,
            repeatable: true,
        }
    }

    pub(crate) fn writing(&self) -> Effort {
        Effort {
            attempt: self.timeouts.write_attempt,
            total: self.timeouts.total,
            repeatable: false,
        }
    }

    /// Sends a request to one member after the other until it is answered, refused, or the time is over.
    pub(crate) async fn send<A, F>(
        &self,
        effort: Effort,
        request: impl Fn(Arc<Member>) -> F,
    ) -> Result<A, Failure>
    where
        A: Answer,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let deadline = Instant::now() + effort.total;
        let mut pauses = Pauses::new(self.members.len());
        loop {
            let (index, member) = self.preferred();
            let until = deadline.min(Instant::now() + effort.attempt);
            let failure = match timeout_at(until, request(member.clone())).await {
                Ok(Ok(answer)) => match self.hear(answer.get_ref()) {
                    Ok(()) => return Ok(answer.into_inner()),
                    Err(failure) => failure,
                },
                Ok(Err(status)) => Failure::of(&status),
                Err(_) => Failure::Lost("it does not answer in time".to_owned()),
            };
            if matches!(failure, Failure::NotTaken(_) | Failure::Lost(_)) {
                self.pass_over(index);
            }
            let pause = pauses.after_failure();
            if !failure.may_try_again(effort.repeatable) || Instant::now() + pause >= deadline {
                return Err(failure.at(&member.address));
            }
            tracing::debug!(endpoint = %member.address, ?failure, "an etcd member fails, the next is asked");
            sleep(pause).await;
        }
    }
}

/// No pause before the next member; a growing one when all have failed.
pub(crate) struct Pauses {
    members: usize,
    failures: usize,
    next: Duration,
}

impl Pauses {
    pub(crate) fn new(members: usize) -> Self {
        Self {
            members,
            failures: 0,
            next: FIRST_PAUSE,
        }
    }

    /// How long to wait now that another member has failed.
    pub(crate) fn after_failure(&mut self) -> Duration {
        self.failures += 1;
        if !self.failures.is_multiple_of(self.members) {
            return Duration::ZERO;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_come_when_all_have_failed() {
        let mut pauses = Pauses::new(3);
        let told: Vec<_> = (0..9).map(|_| pauses.after_failure().as_millis()).collect();
        assert_eq!(told, [0, 0, 50, 0, 0, 100, 0, 0, 200]);
        let longest = (0..60).map(|_| pauses.after_failure()).max();
        assert_eq!(longest, Some(LONGEST_PAUSE));
    }
}
