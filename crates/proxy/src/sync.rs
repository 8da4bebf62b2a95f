//! Bringing the kernel's rules to where the Services want them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use client::Informer;
use client::lean::{EndpointSlice, Service, ServiceKey};

use crate::changes::Changes;
use crate::config::Config;
use crate::conntrack;
use crate::family::TABLE;
use crate::health::HealthChecks;
use crate::nft::{Nft, NftError};
use crate::object::key_of_service;
use crate::plan::{Front, REJECT, plan};
use crate::tables::{Tables, Transaction};

/// What a pass looks at.
pub(crate) trait Observed {
    /// A Service.
    fn service(&self, key: &ServiceKey) -> Option<Arc<Service>>;
    /// The slices of a Service.
    fn slices(&self, key: &ServiceKey) -> Vec<Arc<EndpointSlice>>;
}

/// What informers hold.
pub(crate) struct Followed {
    pub(crate) services: Informer<Service>,
    pub(crate) changes: Arc<Changes>,
}

impl Observed for Followed {
    fn service(&self, key: &ServiceKey) -> Option<Arc<Service>> {
        self.services.store().get(&key.namespace, &key.name)
    }

    fn slices(&self, key: &ServiceKey) -> Vec<Arc<EndpointSlice>> {
        self.changes.slices(key)
    }
}

/// The kernel answers at once; if it does not, rules must not wait for it.
const FLOWS_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Brings the kernel's rules to where the Services want them.
pub(crate) struct Syncer {
    config: Arc<Config>,
    nft: Nft,
    tables: Tables,
    health_checks: HealthChecks,
    /// Whether the kernel has what `tables` says. If not, or if that is not known, all of it is loaded anew.
    is_loaded: bool,
    /// Whether flows of datagrams may go where they no longer should.
    flows_pending: bool,
    /// Where datagrams were sent that may go nowhere any more, until their flows are deleted.
    old_fronts: BTreeSet<Front>,
    /// Whether load balancers are told something old.
    health_pending: bool,
}

impl Syncer {
    pub(crate) fn new(config: Arc<Config>, health_checks: HealthChecks) -> Self {
        Self {
            nft: Nft::new(config.nft.clone()),
            config,
            tables: Tables::default(),
            health_checks,
            is_loaded: false,
            flows_pending: false,
            old_fronts: BTreeSet::new(),
            health_pending: false,
        }
    }

    /// Plans these Services anew and loads what changed; after a failure, everything.
    pub(crate) async fn sync(
        &mut self,
        changed: &BTreeSet<ServiceKey>,
        observed: &impl Observed,
        zone: Option<&str>,
    ) -> Result<(), NftError> {
        let mut transaction = Transaction::default();
        for key in changed {
            let unit = observed
                .service(key)
                .filter(|service| key_of_service(service).is_some())
                .map(|service| plan(key, &service, &observed.slices(key), &self.config, zone))
                .unwrap_or_default();
            self.tables.replace(key, unit, &mut transaction);
        }
        self.flows_pending |= transaction.udp_changed;
        self.old_fronts.append(&mut transaction.old_fronts);
        self.health_pending |= transaction.health_changed;
        self.load(&transaction).await?;
        if self.health_pending {
            self.health_pending = false;
            self.health_checks.update(self.tables.health_checks()).await;
        }
        if self.flows_pending {
            self.flows_pending = false;
            self.clear_flows().await;
        }
        Ok(())
    }

    /// The Services that have rules.
    pub(crate) fn keys(&self) -> BTreeSet<ServiceKey> {
        self.tables.keys().cloned().collect()
    }

    /// Looks whether the kernel still has our tables; if not, the next pass loads everything.
    pub(crate) async fn verify(&mut self) -> Result<(), NftError> {
        for family in self.config.families() {
            let script = format!("list chain {} {TABLE} {REJECT}\n", family.word());
            match self.nft.apply(&script).await {
                Err(NftError::Refused(_)) => self.is_loaded = false,
                result => result?,
            }
        }
        Ok(())
    }

    async fn load(&mut self, transaction: &Transaction) -> Result<(), NftError> {
        let script = if self.is_loaded {
            transaction.script()
        } else {
            self.tables.whole(&self.config)
        };
        if script.is_empty() {
            return Ok(());
        }
        // Also if this is dropped half-way, nobody knows what the kernel has.
        self.is_loaded = false;
        self.nft.apply(&script).await?;
        self.is_loaded = true;
        Ok(())
    }

    /// A failure is told and left: the rules are right, and the flows end by themselves when they fall silent.
    async fn clear_flows(&mut self) {
        let (mut fronts, config) = (self.tables.udp(), self.config.clone());
        for front in std::mem::take(&mut self.old_fronts) {
            fronts.entry(front).or_default();
        }
        let clear = conntrack::clear(&fronts, &config);
        match tokio::time::timeout(FLOWS_TIME_LIMIT, clear).await {
            Ok(Ok(count)) => tracing::debug!(count, "stale flows of datagrams were deleted"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot delete stale flows of datagrams"),
            Err(_) => tracing::warn!("the kernel does not tell its flows of datagrams"),
        }
    }
}
