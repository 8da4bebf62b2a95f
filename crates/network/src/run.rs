//! Keeps the node's network as it should be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use client::{Client, Informer, ListOptions};
use linux::NetlinkError;
use linux::netlink::Changes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::apply::{ApplyError, Executor};
use crate::config::{Config, ConfigError};
use crate::conflist;
use crate::node::{Node, matters, places};
use crate::plan::{self, Own, Problem};

/// Changes mostly come several at once.
const SETTLE: Duration = Duration::from_millis(50);
/// The wait after a first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why the network cannot be kept at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The kernel cannot be talked to.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// Keeps the network of the node that the calling thread is on, until the token fires. It begins when the Node has an
/// address and a range for pods; the container runtime learns of the network when all of it is there. What is there
/// already, of an earlier run, is taken over as it is, and stays when this ends: pods go on.
///
/// Runs inside a tokio runtime whose threads are all in the node's network namespace.
pub async fn run(config: Config, client: Client, shutdown: CancellationToken) -> Result<(), StartError> {
    config.check()?;
    let changes = Changes::open()?;
    let executor = Executor::new(config.nft.clone())?;
    let nodes = Informer::<Node>::start(client, "", ListOptions::default(), shutdown.clone());
    let wake = Arc::new(Notify::new());
    let waker = wake.clone();
    nodes.on_change(move |change| {
        if matters(change) {
            waker.notify_one();
        }
    });
    let keeper = Keeper {
        config,
        nodes,
        executor,
        started: false,
        waiting_told: false,
        told: BTreeSet::new(),
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = keeper.keep(wake, changes) => {}
    }
    Ok(())
}

struct Keeper {
    config: Config,
    nodes: Informer<Node>,
    executor: Executor,
    /// Whether the part that is done once is done.
    started: bool,
    waiting_told: bool,
    told: BTreeSet<Problem>,
}

impl Keeper {
    async fn keep(mut self, wake: Arc<Notify>, mut changes: Changes) {
        self.withdraw_stale().await;
        self.nodes.synced().await;
        let mut wait = FIRST_WAIT;
        loop {
            let retry = match self.pass().await {
                Ok(()) => {
                    wait = FIRST_WAIT;
                    None
                }
                Err(error) => {
                    let error = client::controller::Chain(&error);
                    tracing::warn!(%error, "the pod network is not as it should be, trying again in {wait:?}");
                    let due = wait;
                    wait = (wait * 2).min(LONGEST_WAIT);
                    Some(due)
                }
            };
            tokio::select! {
                () = wake.notified() => {}
                () = changes.changed() => {}
                () = due(retry) => {}
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    /// After the machine was switched off, the configuration file is there but nothing it speaks of.
    async fn withdraw_stale(&self) {
        let bridge = self.executor.observe().await;
        if bridge.is_ok_and(|observed| observed.link(&self.config.bridge).is_none()) {
            let folder = &self.config.cni_conf_dir;
            if let Err(error) = conflist::remove(folder) {
                tracing::warn!(%error, folder = %folder.display(), "cannot remove the network's configuration file");
            }
        }
    }

    async fn pass(&mut self) -> Result<(), ApplyError> {
        let places = places(self.nodes.store());
        let own = places.iter().find(|place| place.name == self.config.node_name);
        let Some((ip, pod_cidr)) = own.and_then(|own| own.ip.zip(own.pod_cidr)) else {
            self.tell_waiting();
            return Ok(());
        };
        let own = Own { ip, pod_cidr };
        let observed = self.executor.observe().await?;
        let desired = plan::desired(&self.config, own, &places, &observed);
        let mut problems = desired.problems.clone();
        problems.extend(self.executor.apply(&desired).await?);
        if !self.started {
            self.executor.host_ports(&self.config).await?;
            self.started = true;
            tracing::info!(%ip, %pod_cidr, mtu = desired.mtu, "the pod network is ready");
        }
        self.publish(&desired, own)?;
        self.tell(problems);
        Ok(())
    }

    fn publish(&self, desired: &plan::Desired, own: Own) -> Result<(), ApplyError> {
        let text = conflist::render(&self.config, own.pod_cidr, desired.mtu);
        conflist::write(&self.config.cni_conf_dir, &text).map_err(|source| ApplyError::Conflist {
            folder: self.config.cni_conf_dir.clone(),
            source,
        })
    }

    fn tell_waiting(&mut self) {
        if !std::mem::replace(&mut self.waiting_told, true) {
            let node = &self.config.node_name;
            tracing::info!(
                node,
                "the pod network waits for the node's address and its range for pods"
            );
        }
    }

    /// Tells problems once, not at each pass.
    fn tell(&mut self, problems: Vec<Problem>) {
        let problems: BTreeSet<Problem> = problems.into_iter().collect();
        for problem in problems.difference(&self.told) {
            tracing::warn!("{problem}");
        }
        self.told = problems;
    }
}

async fn due(retry: Option<Duration>) {
    match retry {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
