//! Leader election on a Lease: of several candidates one works. Expiry is judged by the local clock from when a change of
//! the Lease was seen, never by comparing the clocks of two machines.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::api::Client;
use crate::controller::Chain;
use crate::error::{Error, optional};
use crate::options::ListOptions;
use crate::path::Scope;
use crate::watch::WatchEvent;

/// How long giving the Lease up may take: whoever ends does not wait for a server that does not answer.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// Where candidates meet, and how long leadership lasts. The times are upstream's defaults.
#[derive(Clone, Debug)]
pub struct Election {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// This candidate; unique.
    pub identity: String,
    /// How long a leader that says nothing is still believed in.
    pub lease_duration: Duration,
    /// How long the leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// The time between tries.
    pub retry_period: Duration,
}

impl Election {
    /// An election in kube-system.
    pub fn new(name: &str, identity: impl Into<String>) -> Self {
        Self {
            namespace: String::from("kube-system"),
            name: name.to_owned(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    /// Waits until this candidate leads, runs `work` with a token that fires when leadership (or the process) ends, and
    /// gives the Lease up afterwards. Returns when the work has ended.
    pub async fn run<W, F>(self, client: Client, shutdown: CancellationToken, work: W)
    where
        W: FnOnce(CancellationToken) -> F,
        F: Future<Output = ()>,
    {
        Candidate::new(client, self).lead(&shutdown, work).await;
    }

    /// The same again and again until `shutdown` fires: whoever loses the lead stands for it anew.
    pub async fn run_always<W, F>(self, client: Client, shutdown: CancellationToken, mut work: W)
    where
        W: FnMut(CancellationToken) -> F,
        F: Future<Output = ()>,
    {
        let mut candidate = Candidate::new(client, self);
        while !shutdown.is_cancelled() {
            candidate.lead(&shutdown, &mut work).await;
            // Who ends its work by itself, or cannot keep the lead, lets others come first.
            let pause = sleep(candidate.election.retry_period);
            shutdown.run_until_cancelled(pause).await;
        }
    }
}

struct Candidate {
    client: Client,
    election: Election,
    /// The Lease's last known version, and when it was first seen.
    seen: Option<(String, Instant)>,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Try {
    /// This candidate leads.
    Leads,
    /// Another does.
    Held,
    /// Somebody wrote the Lease at the same time; who leads is not known.
    Raced,
}

impl Candidate {
    fn new(client: Client, election: Election) -> Self {
        Self {
            client,
            election,
            seen: None,
        }
    }

    async fn lead<W, F>(&mut self, shutdown: &CancellationToken, work: W)
    where
        W: FnOnce(CancellationToken) -> F,
        F: Future<Output = ()>,
    {
        if shutdown.run_until_cancelled(self.acquire()).await.is_none() {
            return;
        }
        let (lease, identity) = (self.election.name.clone(), self.election.identity.clone());
        tracing::info!(lease, identity, "leading");
        let leading = shutdown.child_token();
        let worked = async {
            work(leading.clone()).await;
            leading.cancel();
        };
        let held = async {
            if leading.run_until_cancelled(self.hold()).await.is_some() {
                tracing::error!(lease, "leadership lost");
                leading.cancel();
            }
        };
        tokio::join!(worked, held);
        if timeout(RELEASE_WITHIN, self.release()).await.is_err() {
            tracing::debug!(lease, "lease not released: no answer");
        }
    }

    async fn acquire(&mut self) {
        loop {
            match timeout(self.election.renew_deadline, self.attempt()).await {
                Ok(Ok(Try::Leads)) => return,
                Ok(Ok(Try::Held | Try::Raced)) => match self.await_chance().await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => tracing::debug!(error = %Chain(&error), "lease not watched"),
                },
                Ok(Err(error)) => tracing::debug!(error = %Chain(&error), "lease not acquired"),
                Err(_) => tracing::debug!("lease not acquired: no answer"),
            }
            sleep(self.election.retry_period).await;
        }
    }

    /// Follows the Lease until it has expired, or has been given up. False if the watch ended before.
    async fn await_chance(&mut self) -> Result<bool, Error> {
        let only = ListOptions::fields(format!("metadata.name={}", self.election.name));
        let version = self
            .seen
            .as_ref()
            .map_or_else(String::new, |(version, _)| version.clone());
        let (client, namespace) = (self.client.clone(), self.election.namespace.clone());
        let watch = client.watch::<Lease>(Scope::Namespace(&namespace), &only, &version);
        let Ok(changes) = timeout_at(self.expires_at(), watch).await else {
            return Ok(true);
        };
        let mut changes = changes?;
        loop {
            let Ok(event) = timeout_at(self.expires_at(), changes.next()).await else {
                return Ok(true);
            };
            match event.transpose()? {
                Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease)) => {
                    self.observe(&lease);
                    if holder(&lease).is_empty() {
                        return Ok(true);
                    }
                }
                Some(WatchEvent::Deleted(_)) => return Ok(true),
                Some(WatchEvent::Bookmark(_)) => {}
                None => return Ok(false),
            }
        }
    }

    /// Renews until that fails for too long. A server that does not answer fails too.
    async fn hold(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.election.retry_period).await;
            let began = Instant::now();
            let deadline = renewed + self.election.renew_deadline;
            match timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Try::Leads)) => renewed = began,
                Ok(Ok(Try::Held)) | Err(_) => return,
                Ok(Ok(Try::Raced)) => {}
                Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "lease not renewed"),
            }
            if renewed.elapsed() >= self.election.renew_deadline {
                return;
            }
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::Namespace(&self.election.namespace)
    }

    /// Takes or renews the Lease, if it may be had.
    async fn attempt(&mut self) -> Result<Try, Error> {
        let now = Timestamp::now();
        let held = optional(self.client.get::<Lease>(self.scope(), &self.election.name).await)?;
        let Some(mut lease) = held else {
            let lease = self.first_lease(now);
            return written(self.client.create(self.scope(), &lease).await);
        };
        self.observe(&lease);
        let mine = holder(&lease) == self.election.identity;
        if !mine && !holder(&lease).is_empty() && Instant::now() < self.expires_at() {
            return Ok(Try::Held);
        }
        let spec = lease.spec.get_or_insert_default();
        if !mine {
            spec.acquire_time = Some(MicroTime(now));
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0) + 1);
        }
        spec.holder_identity = Some(self.election.identity.clone());
        spec.renew_time = Some(MicroTime(now));
        spec.lease_duration_seconds = Some(self.election.lease_duration.as_secs() as i32);
        written(self.client.replace(&lease).await)
    }

    fn first_lease(&self, now: Timestamp) -> Lease {
        Lease {
            metadata: ObjectMeta {
                name: Some(self.election.name.clone()),
                namespace: Some(self.election.namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.election.identity.clone()),
                acquire_time: Some(MicroTime(now)),
                renew_time: Some(MicroTime(now)),
                lease_duration_seconds: Some(self.election.lease_duration.as_secs() as i32),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        }
    }

    fn observe(&mut self, lease: &Lease) {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(known, _)| *known != version) {
            self.seen = Some((version, Instant::now()));
        }
    }

    /// When another's leadership ends unless it says something before.
    fn expires_at(&self) -> Instant {
        let since = self.seen.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        since + self.election.lease_duration
    }

    /// Gives the Lease up, so that another candidate need not wait for it to expire.
    async fn release(&mut self) {
        let released = async {
            let mut lease = self
                .client
                .get::<Lease>(self.scope(), &self.election.name)
                .await?;
            if holder(&lease) != self.election.identity {
                return Ok(());
            }
            let spec = lease.spec.get_or_insert_default();
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            self.client.replace(&lease).await.map(drop)
        };
        let released: Result<(), Error> = released.await;
        if let Err(error) = released {
            tracing::debug!(error = %Chain(&error), "lease not released");
        }
    }
}

/// Who leads by the Lease; empty if nobody does.
fn holder(lease: &Lease) -> &str {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default()
}

/// A conflict means that somebody else was faster.
fn written(result: Result<Lease, Error>) -> Result<Try, Error> {
    match result {
        Ok(_) => Ok(Try::Leads),
        Err(error) if error.is_conflict() || error.is_already_exists() => Ok(Try::Raced),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
