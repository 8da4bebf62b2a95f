//! What the services have in common.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcd_rpc::message::{AlarmType, ResponseHeader};
use parking_lot::Mutex;
use store::{Revision, StateStore, StoreError};
use tokio_util::sync::CancellationToken;

use crate::identity::Identity;
use crate::lease::Lessor;
use crate::reading::{Reader, number};
use crate::refusal::Refusal;

/// The version of etcd whose API this is. A Kubernetes API server asks for progress of watches from 3.5.8 on.
pub(crate) const VERSION: &str = "3.5.21";
/// The version a cluster of such members has.
pub(crate) const CLUSTER_VERSION: &str = "3.5.0";
/// There are no elections: the first term lasts.
pub(crate) const TERM: u64 = 2;

/// How much room the store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes on the disk.
    pub total: u64,
    /// Bytes of them that are needed.
    pub in_use: u64,
}

/// What can be set about the API.
#[derive(Clone)]
pub struct Settings {
    /// The member's name.
    pub name: String,
    /// The URLs the member tells clients to use.
    pub client_urls: Vec<String>,
    /// How often a watch that asked for it is told how far it is, if nothing happens.
    pub progress_interval: Duration,
    /// Where snapshots are put together, in files without a name.
    pub scratch: PathBuf,
    /// Says how much room the store takes.
    pub space: Arc<dyn Fn() -> Space + Send + Sync>,
    /// Ends what does not end by itself.
    pub shutdown: CancellationToken,
}

impl Default for Settings {
    /// A member named `default`, as etcd calls itself.
    fn default() -> Self {
        Self {
            name: String::from("default"),
            client_urls: Vec::new(),
            progress_interval: Duration::from_secs(600),
            scratch: std::env::temp_dir(),
            space: Arc::new(Space::default),
            shutdown: CancellationToken::new(),
        }
    }
}

/// The etcd v3 API over a store.
pub struct EtcdApi {
    pub(crate) reader: Reader,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    /// Alarms that clients have raised.
    alarms: Mutex<BTreeSet<AlarmType>>,
}

impl EtcdApi {
    /// The API over `store`, whose leases `leases` keeps.
    pub async fn open(
        store: Arc<dyn StateStore>,
        leases: Arc<Lessor>,
        settings: Settings,
    ) -> Result<Arc<Self>, StoreError> {
        let identity = Identity::ensure(&*store).await?;
        Ok(Arc::new(Self {
            reader: Reader { store, leases },
            settings,
            identity,
            alarms: Mutex::default(),
        }))
    }

    /// The token that ends what does not end by itself.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.settings.shutdown
    }

    pub(crate) fn store(&self) -> &Arc<dyn StateStore> {
        &self.reader.store
    }

    /// The header of an answer that stands at `revision`.
    pub(crate) fn header_at(&self, revision: Revision) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            cluster_id: self.identity.cluster,
            member_id: self.identity.member,
            revision: number(revision),
            raft_term: TERM,
        })
    }

    /// The header of an answer that stands at the current revision.
    pub(crate) fn header(&self) -> Option<ResponseHeader> {
        self.header_at(self.store().current_revision())
    }

    /// Raises or takes back an alarm; whether that is news.
    pub(crate) fn set_alarm(&self, alarm: AlarmType, raised: bool) -> bool {
        let mut alarms = self.alarms.lock();
        if raised {
            alarms.insert(alarm)
        } else {
            alarms.remove(&alarm)
        }
    }

    /// The alarms: those that were raised, and what the store itself suffers from.
    pub(crate) async fn alarms(&self) -> BTreeSet<AlarmType> {
        let mut alarms = self.alarms.lock().clone();
        match self.store().health().await {
            Err(StoreError::DiskFull) => alarms.insert(AlarmType::NoSpace),
            Err(StoreError::Corrupt { .. }) => alarms.insert(AlarmType::Corrupt),
            _ => false,
        };
        alarms
    }

    /// Refuses what takes space while the alarm for it is raised.
    pub(crate) fn refuse_without_space(&self) -> Result<(), Refusal> {
        if self.alarms.lock().contains(&AlarmType::NoSpace) {
            return Err(Refusal::NoSpace);
        }
        Ok(())
    }
}
