//! The proxy of a node: informers in, nft transactions out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::lean::{EndpointSlice, Service};
use client::{Client, Informer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::config::Config;
use crate::family::{Family, TABLE};
use crate::health::{Health, HealthChecks, serve_healthz};
use crate::nft::{Nft, NftError};
use crate::node;
use crate::object::ours;
use crate::plan::base;
use crate::sync::{Followed, Syncer};
use crate::table_watch::TableWatch;

/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Why the proxy cannot do its work on this machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node has no address, so there is no family to serve.
    #[error("the node has no address")]
    NoAddress,
    /// nft, or the kernel through it, does not take the rules.
    #[error("cannot load rules")]
    Nft(#[from] NftError),
    /// The address of `/healthz` cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Keeps the node's rules as the Services want them until the token fires. The rules stay then.
///
/// # Errors
/// If rules cannot be loaded on this machine at all. Later failures are logged and tried again.
pub async fn run(config: Config, client: Client, shutdown: CancellationToken) -> Result<(), StartError> {
    let config = Arc::new(config);
    check(&config).await?;
    let health = Arc::new(Health::default());
    if let Some(address) = config.healthz {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        serve_healthz(listener, health.clone(), shutdown.clone());
    }
    let proxy = Proxy::start(config, client, health, &shutdown);
    shutdown.run_until_cancelled(proxy.work()).await;
    Ok(())
}

/// Removes every rule of ours.
///
/// # Errors
/// If nft cannot be run.
pub async fn cleanup() -> Result<(), NftError> {
    let nft = Nft::new(PathBuf::from("nft"));
    for family in Family::BOTH {
        let word = family.word();
        // Deleting what is not there fails, so it is added first.
        let script = format!("add table {word} {TABLE}\ndelete table {word} {TABLE}\n");
        nft.apply(&script).await?;
    }
    Ok(())
}

async fn check(config: &Config) -> Result<(), StartError> {
    let statements: Vec<String> = config
        .families()
        .flat_map(|family| base(config, family))
        .collect();
    if statements.is_empty() {
        return Err(StartError::NoAddress);
    }
    let script = statements.join("\n") + "\n";
    Ok(Nft::new(config.nft.clone()).check(&script).await?)
}

struct Proxy {
    config: Arc<Config>,
    health: Arc<Health>,
    followed: Followed,
    slices: Informer<EndpointSlice>,
    zone: Arc<watch::Sender<Option<String>>>,
    /// None if the kernel does not tell.
    tables: Option<TableWatch>,
    syncer: Syncer,
}

impl Proxy {
    fn start(config: Arc<Config>, client: Client, health: Arc<Health>, shutdown: &CancellationToken) -> Self {
        let services = Informer::<Service>::start(client.clone(), "", ours(), shutdown.clone());
        let slices = Informer::<EndpointSlice>::start(client.clone(), "", ours(), shutdown.clone());
        let node = node::follow(client, &config.node_name, shutdown);
        let changes = Changes::follow(&services, &slices);
        let is_ipv4 = config.families().next() == Some(Family::V4);
        Self {
            syncer: Syncer::new(config.clone(), HealthChecks::new(health.clone(), is_ipv4)),
            zone: node::zone(&node),
            tables: TableWatch::open()
                .inspect_err(|error| tracing::warn!(%error, "rules that others delete will not be noticed"))
                .ok(),
            config,
            health,
            followed: Followed { services, changes },
            slices,
        }
    }

    async fn work(mut self) {
        self.health.pending();
        self.followed.services.synced().await;
        self.slices.synced().await;
        let changes = self.followed.changes.clone();
        let mut zone = self.zone.subscribe();
        let mut retry = FIRST_RETRY;
        // The first pass is due whether there are Services or not: what an earlier process left must go.
        loop {
            let began = Instant::now();
            let passed = match self.pass(&mut zone).await {
                Ok(()) => {
                    tokio::time::sleep_until(began + self.config.min_sync_period).await;
                    self.wait(&changes, &mut zone).await
                }
                failed => failed,
            };
            match passed {
                Ok(()) => retry = FIRST_RETRY,
                Err(error) => {
                    tracing::warn!(error = %client::controller::Chain(&error), "cannot load rules, will try again");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
            self.health.pending();
        }
    }

    /// Waits until there is something to do.
    async fn wait(
        &mut self,
        changes: &Changes,
        zone: &mut watch::Receiver<Option<String>>,
    ) -> Result<(), NftError> {
        tokio::select! {
            () = changes.arrived() => Ok(()),
            _ = zone.changed() => {
                self.plan_all_again();
                Ok(())
            }
            () = deleted(&mut self.tables) => self.syncer.verify().await,
        }
    }

    async fn pass(&mut self, zone: &mut watch::Receiver<Option<String>>) -> Result<(), NftError> {
        let changed = self.followed.changes.take();
        let zone = zone.borrow_and_update().clone();
        self.syncer
            .sync(&changed, &self.followed, zone.as_deref())
            .await?;
        self.health.updated();
        Ok(())
    }

    /// Hints are read anew when the node moves to another zone.
    fn plan_all_again(&self) {
        self.followed.changes.add(self.syncer.keys());
    }
}

/// Waits until a table of ours was deleted; for ever if that is not told.
async fn deleted(tables: &mut Option<TableWatch>) {
    if let Some(watch) = tables {
        match watch.deleted().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "rules that others delete will not be noticed any more"),
        }
        *tables = None;
    }
    std::future::pending().await
}
