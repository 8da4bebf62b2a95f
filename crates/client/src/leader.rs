//! Leader election on a Lease: of several candidates one works. Expiry is judged by the local clock from when a change of
//! the Lease was seen, never by comparing the clocks of two machines.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::Client;
use crate::controller::Chain;
use crate::error::{Error, optional};
use crate::path::Scope;

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
        let mut candidate = Candidate {
            client,
            election: self,
            seen: None,
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = candidate.acquire() => {}
        }
        tracing::info!(
            lease = candidate.election.name,
            identity = candidate.election.identity,
            "leading"
        );
        let leading = shutdown.child_token();
        tokio::join!(work(leading.clone()), async {
            tokio::select! {
                () = leading.cancelled() => {}
                () = candidate.hold() => {
                    tracing::error!(lease = candidate.election.name, "leadership lost");
                    leading.cancel();
                }
            }
        });
        candidate.release().await;
    }
}

struct Candidate {
    client: Client,
    election: Election,
    /// The Lease's last known version, and when it was first seen.
    seen: Option<(String, Instant)>,
}

impl Candidate {
    async fn acquire(&mut self) {
        loop {
            match self.try_acquire_or_renew().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(error = %Chain(&error), "lease not acquired"),
            }
            tokio::time::sleep(self.election.retry_period).await;
        }
    }

    /// Renews until that fails for too long.
    async fn hold(&mut self) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.election.retry_period).await;
            match self.try_acquire_or_renew().await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "lease not renewed");
                    if renewed.elapsed() >= self.election.renew_deadline {
                        return;
                    }
                }
            }
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::Namespace(&self.election.namespace)
    }

    /// Whether this candidate leads after the try.
    async fn try_acquire_or_renew(&mut self) -> Result<bool, Error> {
        let now = Timestamp::now();
        let held = optional(self.client.get::<Lease>(self.scope(), &self.election.name).await)?;
        let Some(mut lease) = held else {
            let lease = self.first_lease(now);
            return won(self.client.create(self.scope(), &lease).await);
        };
        self.observe(&lease);
        let spec = lease.spec.get_or_insert_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let mine = holder == self.election.identity;
        if !mine && !holder.is_empty() && !self.has_expired() {
            return Ok(false);
        }
        if !mine {
            spec.acquire_time = Some(MicroTime(now));
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0) + 1);
        }
        spec.holder_identity = Some(self.election.identity.clone());
        spec.renew_time = Some(MicroTime(now));
        spec.lease_duration_seconds = Some(self.election.lease_duration.as_secs() as i32);
        won(self.client.replace(&lease).await)
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

    fn has_expired(&self) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() >= self.election.lease_duration)
    }

    /// Gives the Lease up, so that another candidate need not wait for it to expire.
    async fn release(&mut self) {
        let released = async {
            let mut lease = self
                .client
                .get::<Lease>(self.scope(), &self.election.name)
                .await?;
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() != Some(self.election.identity.as_str()) {
                return Ok(());
            }
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

/// A conflict means that another candidate was faster.
fn won(result: Result<Lease, Error>) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() || error.is_already_exists() => Ok(false),
        Err(error) => Err(error),
    }
}
