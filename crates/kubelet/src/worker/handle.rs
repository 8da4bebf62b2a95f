//! What the manager and a pod's worker share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::intent::Ended;
use crate::plan::{Health, Verdict};
use crate::pod::PodToRun;
use crate::probes::ProbeKind;
use crate::resize::Deferred;
use crate::status::PodVerdict;

/// What is wanted of a pod.
#[derive(Clone, Debug)]
pub struct Wish {
    /// With the amounts it is granted.
    pub pod: Arc<PodToRun>,
    /// No source has it any more.
    pub removed: bool,
    /// It was never let in, for this reason.
    pub refused: Option<PodVerdict>,
    /// The kubelet has ended it.
    pub ended: Option<Ended>,
    /// It asks for more than it is granted.
    pub deferred: Option<DeferredWish>,
}

/// A pod as it asks to be, and why it cannot have that now.
#[derive(Clone, Debug)]
pub struct DeferredWish {
    pub asked: Arc<Pod>,
    pub why: Deferred,
}

impl Wish {
    pub fn run(pod: Arc<PodToRun>) -> Self {
        Self {
            pod,
            removed: false,
            refused: None,
            ended: None,
            deferred: None,
        }
    }
}

impl Wish {
    /// Whether the node must have room for it.
    pub fn takes_room(&self) -> bool {
        self.refused.is_none() && !self.removed
    }
}

/// A pod's worker, as others see it.
pub struct Handle {
    pub wish: watch::Sender<Wish>,
    /// Wakes the worker: something in the runtime, or of its health, changed.
    poke: Notify,
    /// Containers and sandboxes that were reported to have ended.
    ended: Mutex<BTreeSet<String>>,
    health: Mutex<BTreeMap<String, Health>>,
    /// Whether the runtime is to be asked.
    changed: Mutex<bool>,
}

impl Handle {
    pub fn new(wish: Wish) -> Arc<Self> {
        Arc::new(Self {
            wish: watch::Sender::new(wish),
            poke: Notify::new(),
            ended: Mutex::default(),
            health: Mutex::default(),
            changed: Mutex::new(true),
        })
    }

    pub fn pod(&self) -> Arc<PodToRun> {
        self.wish.borrow().pod.clone()
    }

    /// Something of the pod changed in the runtime.
    pub fn changed(&self, ended: Option<&str>) {
        if let Some(id) = ended {
            self.ended.lock().insert(id.to_owned());
        }
        *self.changed.lock() = true;
        self.poke.notify_one();
    }

    /// A probe came to a verdict.
    pub fn found(&self, instance_id: &str, kind: ProbeKind, verdict: Verdict) {
        let mut health = self.health.lock();
        let health = health.entry(instance_id.to_owned()).or_default();
        let place = match kind {
            ProbeKind::Startup => &mut health.startup,
            ProbeKind::Liveness => &mut health.liveness,
            ProbeKind::Readiness => &mut health.readiness,
        };
        *place = Some(verdict);
        self.poke.notify_one();
    }

    /// What probes have found out, by instance.
    pub fn health(&self) -> BTreeMap<String, Health> {
        self.health.lock().clone()
    }

    /// Sets what an earlier kubelet knew.
    pub fn seed(&self, instance_id: &str, health: Health) {
        self.health.lock().entry(instance_id.to_owned()).or_insert(health);
    }

    /// Keeps only what is about these instances.
    pub fn keep_health_of(&self, is_there: impl Fn(&str) -> bool) {
        self.health.lock().retain(|id, _| is_there(id));
    }

    /// Whether the runtime is to be asked, once.
    pub fn take_changed(&self) -> bool {
        std::mem::take(&mut *self.changed.lock())
    }

    /// Takes out what has ended as was reported; whether the lists do not show it of anything reported.
    pub fn await_ends(&self, has_not_ended: impl Fn(&str) -> bool) -> bool {
        let mut ended = self.ended.lock();
        ended.retain(|id| has_not_ended(id));
        !ended.is_empty()
    }

    pub async fn poked(&self) {
        self.poke.notified().await;
    }
}
