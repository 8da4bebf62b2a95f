//! Several servers over one store give Services addresses and ports. Whoever takes something writes one key with it, if that is
//! still as it was when the ledger was read; else the ledger is read again. So nothing is given twice, and nothing needs
//! repair.

use std::sync::Arc;

use async_trait::async_trait;
use meta::Status;
use registry::Guard;
use serde_json::Value;
use store::{Key, Revision};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::ledger::Ledger;

/// What Services hold, as the store has it now.
#[async_trait]
pub trait Holdings: Send + Sync {
    /// When the key was written last (zero if never), and then all Services, read after that.
    async fn read(&self, key: &Key) -> Result<(Revision, Vec<Value>), Status>;
}

/// The other servers.
pub struct Others {
    key: Key,
    holdings: Arc<dyn Holdings>,
    known: Arc<Mutex<Known>>,
}

struct Known {
    /// When the key was written last.
    revision: Revision,
    /// The ledger may be behind.
    is_stale: bool,
}

impl Others {
    /// Other servers write this key too when they take something.
    pub fn new(key: Key, holdings: Arc<dyn Holdings>) -> Self {
        let known = Known {
            revision: Revision::ZERO,
            is_stale: true,
        };
        Self {
            key,
            holdings,
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// Waits until no other write of this server takes something, and sees to it that the ledger is right as of the last
    /// writing of the key that is known.
    pub(super) async fn turn(&self, ledger: &Ledger) -> Result<Turn, Status> {
        let mut known = Arc::clone(&self.known).lock_owned().await;
        if known.is_stale {
            let (revision, services) = self.holdings.read(&self.key).await?;
            ledger.read_anew(&services);
            *known = Known {
                revision,
                is_stale: false,
            };
        }
        Ok(Turn {
            key: self.key.clone(),
            known,
            is_done: false,
        })
    }
}

/// The right to take. Unless what was taken is kept, the ledger is read again before the next one: somebody else may have been
/// faster.
pub(super) struct Turn {
    key: Key,
    known: OwnedMutexGuard<Known>,
    is_done: bool,
}

impl Turn {
    pub(super) fn guard(&self) -> Guard {
        Guard {
            key: self.key.clone(),
            revision: self.known.revision,
        }
    }

    /// The write happened; in that revision the key was written, if it was.
    pub(super) fn done(mut self, written: Option<Revision>) {
        self.is_done = true;
        if let Some(revision) = written {
            self.known.revision = revision;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.known.is_stale |= !self.is_done;
    }
}
