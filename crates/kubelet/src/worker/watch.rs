//! Word from the runtime: which pods are to be looked at again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::cri::events::EventKind;
use crate::cri::message::{ContainerFilter, PodSandboxFilter};
use crate::cri::{ContainerRuntime, RuntimeError, RuntimeEvent};
use crate::pod::PodLabels;

/// A full look even if nothing happened: it repairs what a lost event left behind.
const FULL_LOOK: Duration = Duration::from_secs(120);
/// The look that follows the first, which was made while events were being asked for.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// The pause before events are asked for again, after they broke off.
const RETRY: Duration = Duration::from_millis(500);

/// Which pod a sandbox or container belongs to, by id.
#[derive(Default)]
pub struct Owners(Mutex<HashMap<String, String>>);

impl Owners {
    /// Something was made for a pod.
    pub fn learn(&self, id: &str, uid: &str) {
        self.0.lock().insert(id.to_owned(), uid.to_owned());
    }

    fn of(&self, id: &str) -> Option<String> {
        self.0.lock().get(id).cloned()
    }

    fn replace(&self, found: &[(String, PodLabels)]) {
        let all = found.iter().map(|(id, labels)| (id.clone(), labels.uid.clone()));
        // What was learned while the list was on its way stays.
        self.0.lock().extend(all);
    }

    /// Forgets everything of a pod.
    pub fn forget(&self, uid: &str) {
        self.0.lock().retain(|_, owner| owner != uid);
    }
}

/// Who is told.
pub trait RuntimeListener: Send + Sync + 'static {
    /// Something of this pod changed. `ended` names what ended: the lists may show that a little later.
    fn changed(&self, uid: &str, ended: Option<&str>);
    /// These pods are there; all others have nothing in the runtime.
    fn present(&self, pods: BTreeSet<PodLabels>);
}

/// Follows the runtime until the token fires.
pub async fn follow_runtime(
    runtime: Arc<dyn ContainerRuntime>,
    owners: Arc<Owners>,
    listener: Arc<dyn RuntimeListener>,
    shutdown: CancellationToken,
) {
    let follower = Follower {
        runtime,
        owners,
        listener,
    };
    let follow = async {
        loop {
            if let Err(error) = follower.follow().await {
                tracing::warn!(%error, "the container runtime cannot be followed");
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = follow => {}
    }
}

struct Follower {
    runtime: Arc<dyn ContainerRuntime>,
    owners: Arc<Owners>,
    listener: Arc<dyn RuntimeListener>,
}

impl Follower {
    /// Follows until the events break off. They are asked for first, then everything is looked at, so that nothing is
    /// missed in between.
    async fn follow(&self) -> Result<(), RuntimeError> {
        let mut events = self.runtime.events();
        // Nobody says when the runtime has begun to tell: what happened before that, the second look finds.
        let mut until_next = SECOND_LOOK;
        loop {
            self.look().await?;
            let full_look = tokio::time::sleep(std::mem::replace(&mut until_next, FULL_LOOK));
            tokio::pin!(full_look);
            loop {
                let event = tokio::select! {
                    () = &mut full_look => break,
                    event = events.next() => event,
                };
                match event {
                    None => return Ok(()),
                    Some(event) => self.take(&event?).await?,
                }
            }
        }
    }

    async fn take(&self, event: &RuntimeEvent) -> Result<(), RuntimeError> {
        if self.owners.of(&event.container_id).is_none() {
            // Someone else made it; whose it is the lists tell.
            self.learn().await?;
        }
        if let Some(uid) = self.owners.of(&event.container_id) {
            let ended = (event.kind == EventKind::Exited).then_some(event.container_id.as_str());
            self.listener.changed(&uid, ended);
        }
        Ok(())
    }

    async fn look(&self) -> Result<(), RuntimeError> {
        let found = self.learn().await?;
        self.listener
            .present(found.into_iter().map(|(_, labels)| labels).collect());
        Ok(())
    }

    /// Asks for everything there is of any pod.
    async fn learn(&self) -> Result<Vec<(String, PodLabels)>, RuntimeError> {
        let sandboxes = self.runtime.list_sandboxes(PodSandboxFilter::default()).await?;
        let containers = self.runtime.list_containers(ContainerFilter::default()).await?;
        let sandboxes = sandboxes
            .into_iter()
            .map(|sandbox| (sandbox.id, PodLabels::read(&sandbox.labels)));
        let containers = containers
            .into_iter()
            .map(|container| (container.id, PodLabels::read(&container.labels)));
        let found: Vec<(String, PodLabels)> = sandboxes
            .chain(containers)
            .filter_map(|(id, labels)| Some((id, labels?)))
            .collect();
        self.owners.replace(&found);
        Ok(found)
    }
}
