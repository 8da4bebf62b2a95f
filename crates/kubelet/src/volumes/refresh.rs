//! Keeping volumes current: when an object that one is made of changes, and when a token is due for renewal.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::OptionFuture;
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use super::Volumes;
use crate::objects::{Reference, references};

/// Starts the task. It keeps nothing alive, and ends when the token fires.
pub fn start(volumes: &Arc<Volumes>, ended: CancellationToken) {
    let changes = volumes.objects.changes();
    let work = run(Arc::downgrade(volumes), volumes.rescheduled.clone(), changes);
    tokio::spawn(async move { ended.run_until_cancelled_owned(work).await });
}

async fn run(weak: Weak<Volumes>, rescheduled: Arc<Notify>, mut changes: broadcast::Receiver<Reference>) {
    let mut next = None;
    loop {
        let timer = OptionFuture::from(next.map(|at| tokio::time::sleep(until(at))));
        // None: whatever it was, it may have been about any object.
        let changed = tokio::select! {
            change = changes.recv() => match change {
                Ok(reference) => Some(Some(reference)),
                Err(RecvError::Lagged(_)) => Some(None),
                Err(RecvError::Closed) => return,
            },
            Some(()) = timer => None,
            () = rescheduled.notified() => None,
        };
        let Some(volumes) = weak.upgrade() else { return };
        if let Some(changed) = changed {
            volumes.refresh_users(changed.as_ref()).await;
        }
        next = volumes.renew().await;
    }
}

fn until(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
}

impl Volumes {
    /// Renews the tokens that are due; gives when the next one will be.
    async fn renew(&self) -> Option<Timestamp> {
        let (pods, _) = self.tokens.due(Timestamp::now());
        for uid in pods {
            self.refresh(&uid).await;
        }
        self.tokens.due(Timestamp::now()).1
    }

    /// Brings up to date the volumes of pods that name an object; of all pods if it is not known which.
    async fn refresh_users(&self, changed: Option<&Reference>) {
        let pods: Vec<String> = self.pods.lock().keys().cloned().collect();
        for uid in pods {
            let entry = self.pods.lock().get(&uid).cloned();
            let Some(entry) = entry else { continue };
            let uses = {
                let pod = entry.pod.lock().await;
                let names = |pod| changed.is_none_or(|changed| references(pod).contains(changed));
                pod.as_ref().is_some_and(names)
            };
            if uses {
                self.refresh(&uid).await;
            }
        }
    }

    /// Brings the volumes of a pod up to date. What cannot be read now stays as it was.
    async fn refresh(&self, uid: &str) {
        let entry = self.pods.lock().get(uid).cloned();
        let Some(entry) = entry else { return };
        let pod = entry.pod.lock().await;
        let Some(pod) = pod.as_ref() else { return };
        if let Err(error) = self.setup(pod).refresh().await {
            tracing::warn!(pod = pod.described(), %error, "volume not brought up to date");
        }
    }
}
