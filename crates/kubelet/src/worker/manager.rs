//! All pods of the node, and their workers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Volume};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handle::{DeferredWish, Handle, Wish};
use super::intent::Ended;
use super::leftovers;
use super::task::Task;
use super::tools::Tools;
use super::watch::RuntimeListener;
use crate::admission::{AdmissionInput, refusal};
use crate::container::logs;
use crate::cri::ContainerRuntime;
use crate::node::NodeShared;
use crate::pod::{PodLabels, PodToRun};
use crate::probes::Finding;
use crate::resize::{Deferred, Grant};
use crate::server::NodeView;
use crate::source::PodSink;
use crate::status::{PodVerdict, is_last_phase};

/// The pods of the node.
pub struct Manager {
    tools: Arc<Tools>,
    node: Arc<NodeShared>,
    /// What the node is taken to be before its object is there.
    expected_node: Node,
    pods: Mutex<Pods>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

#[derive(Default)]
struct Pods {
    workers: HashMap<String, Arc<Handle>>,
    /// Pods from files that wait until an earlier one of the same name is gone.
    waiting: HashMap<(String, String), Arc<Pod>>,
    /// Whether every source has told of every pod: then what nobody told of is a leftover.
    complete: bool,
    /// What the runtime had before that.
    present: BTreeSet<PodLabels>,
}

impl Manager {
    pub fn new(
        tools: Arc<Tools>,
        node: Arc<NodeShared>,
        expected_node: Node,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            tools,
            node,
            expected_node,
            pods: Mutex::default(),
            tasks: TaskTracker::new(),
            shutdown,
        })
    }

    /// Every source has told of every pod: from now on, what nobody told of goes.
    pub fn complete(self: &Arc<Self>) {
        let present = {
            let mut pods = self.pods.lock();
            pods.complete = true;
            std::mem::take(&mut pods.present)
        };
        // Before the leftovers have workers: those know of their logs only what the runtime knows of them.
        let is_known = |uid: &str| self.handle(uid).is_some() || present.iter().any(|pod| pod.uid == uid);
        if let Err(error) =
            logs::sweep(&self.tools.node, is_known).and_then(|()| logs::links::sweep(&self.tools.node))
        {
            tracing::warn!(%error, "logs of pods that are no more are left");
        }
        let on_machine = leftovers::on_machine(&self.tools);
        self.end_strangers(present.into_iter().chain(on_machine));
    }

    /// Ends pods whose folders hold more than they may.
    pub async fn check_folders(&self) {
        for object in self.active_pods() {
            let volumes = object.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
            let is_limited = |volume: &Volume| {
                volume
                    .empty_dir
                    .as_ref()
                    .is_some_and(|dir| dir.size_limit.is_some())
            };
            if !volumes.into_iter().any(is_limited) {
                continue;
            }
            let pod = PodToRun::new(object);
            if let Some(message) = self.tools.volumes.exceeded(&pod).await {
                let verdict = PodVerdict {
                    reason: "Evicted".to_owned(),
                    message,
                };
                self.evict(pod.uid(), verdict);
            }
        }
    }

    /// Takes what probes find, until the token fires.
    pub async fn take_findings(self: Arc<Self>, mut findings: mpsc::UnboundedReceiver<Finding>) {
        loop {
            let finding = tokio::select! {
                () = self.shutdown.cancelled() => return,
                finding = findings.recv() => finding,
            };
            match finding {
                Some(finding) => self.take_finding(&finding),
                None => return,
            }
        }
    }

    /// Grants pods what they asked for in vain, when there is room, until the token fires.
    pub async fn use_room(self: Arc<Self>) {
        let shutdown = self.shutdown.clone();
        while shutdown
            .run_until_cancelled(self.tools.room.notified())
            .await
            .is_some()
        {
            for (handle, asked) in self.deferred() {
                self.set_known(&handle, asked);
            }
        }
    }

    /// Pods that asked for more than there was, the most important first.
    fn deferred(&self) -> Vec<(Arc<Handle>, Arc<Pod>)> {
        let handles: Vec<Arc<Handle>> = self.pods.lock().workers.values().cloned().collect();
        let deferred = handles.into_iter().filter_map(|handle| {
            let asked = handle.wish.borrow().deferred.as_ref()?.asked.clone();
            Some((handle, asked))
        });
        let mut deferred: Vec<_> = deferred.collect();
        deferred.sort_by_key(|(handle, _)| std::cmp::Reverse(handle.pod().spec().priority.unwrap_or(0)));
        deferred
    }

    fn take_finding(&self, finding: &Finding) {
        let Some(handle) = self.handle(&finding.pod_uid) else {
            return;
        };
        let pod = handle.pod();
        if let (Some(message), Some(member)) = (&finding.message, pod.member(&finding.container)) {
            self.tools
                .voice
                .warn_of(&pod, member, finding.reason(), message.clone());
        }
        if let Some(verdict) = finding.verdict {
            handle.found(&finding.instance_id, finding.kind, verdict);
        }
    }

    fn handle(&self, uid: &str) -> Option<Arc<Handle>> {
        self.pods.lock().workers.get(uid).cloned()
    }

    /// Every pod, with the status that was last made of it.
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        let handles: Vec<Arc<Handle>> = self.pods.lock().workers.values().cloned().collect();
        let known = handles
            .iter()
            .map(|handle| handle.pod())
            .filter(|pod| pod.object().spec.is_some());
        known.map(|pod| self.with_status(&pod)).collect()
    }

    fn with_status(&self, pod: &PodToRun) -> Arc<Pod> {
        match self.tools.publisher.status(pod.uid()) {
            Some(status) => Arc::new(Pod {
                status: Some(status),
                ..(**pod.object()).clone()
            }),
            None => pod.object().clone(),
        }
    }

    /// The pods that take up room: those that are let in, still wanted, and not over.
    pub fn active_pods(&self) -> Vec<Arc<Pod>> {
        let handles: Vec<Arc<Handle>> = self.pods.lock().workers.values().cloned().collect();
        let admitted = handles
            .iter()
            .filter(|handle| handle.wish.borrow().takes_room())
            .map(|handle| handle.pod());
        let known = admitted.filter(|pod| pod.object().spec.is_some());
        known
            .map(|pod| self.with_status(&pod))
            .filter(|pod| !is_over(pod))
            .collect()
    }

    /// Ends a pod for a reason of the node's.
    pub fn evict(&self, uid: &str, verdict: PodVerdict) {
        let Some(handle) = self
            .handle(uid)
            .filter(|handle| handle.wish.borrow().ended.is_none())
        else {
            return;
        };
        self.tools
            .voice
            .warn(&handle.pod(), &verdict.reason, verdict.message.clone());
        let ended = Ended {
            verdict,
            grace: Some(Duration::ZERO),
        };
        handle.wish.send_modify(|wish| {
            wish.ended.get_or_insert(ended);
        });
    }

    /// Waits until every worker has stopped, after the token has fired. Pods go on.
    pub async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn start(self: &Arc<Self>, pods: &mut Pods, wish: Wish) {
        let uid = wish.pod.uid().to_owned();
        let handle = Handle::new(wish);
        pods.workers.insert(uid.clone(), handle.clone());
        let manager = self.clone();
        let task = Task::new(self.tools.clone(), handle.clone());
        self.tasks.spawn(async move {
            let shutdown = manager.shutdown.clone();
            if shutdown.run_until_cancelled(task.run()).await.is_some() {
                manager.ended(&uid, &handle);
            }
        });
    }

    /// Nothing is left of a pod: one of the same name may start.
    fn ended(self: &Arc<Self>, uid: &str, handle: &Handle) {
        let mut pods = self.pods.lock();
        pods.workers.remove(uid);
        let pod = handle.pod();
        let key = (pod.namespace().to_owned(), pod.name().to_owned());
        let next = pods.waiting.remove(&key);
        drop(pods);
        self.share();
        self.tools.room.notify_one();
        if let Some(next) = next {
            self.set(next);
        }
    }

    /// Divides the node among the classes of pods anew.
    fn share(&self) {
        let pods: Vec<PodToRun> = self.active_pods().into_iter().map(PodToRun::new).collect();
        if let Err(error) = self.tools.cgroups.share(&pods) {
            tracing::debug!(%error, "shares of pods not changed");
        }
    }

    /// Why a new pod is not let in; none if it is.
    fn refusal(&self, pod: &PodToRun) -> Option<PodVerdict> {
        let status = pod.object().status.clone().unwrap_or_default();
        let is_ending = pod.object().metadata.deletion_timestamp.is_some();
        // An earlier kubelet has let it in, or it will never start.
        if status.start_time.is_some() || is_last_phase(status.phase.as_deref()) || is_ending {
            return None;
        }
        let node = self.node.node();
        refusal(AdmissionInput {
            pod,
            node: node.as_deref().unwrap_or(&self.expected_node),
            others: &self.active_pods(),
            pressure: self.node.pressure(),
        })
    }

    /// A pod with the amounts it can have: those it asks for, or else those it has.
    fn granted(&self, has: &Grant, object: Arc<Pod>) -> (PodToRun, Option<DeferredWish>) {
        let asked = PodToRun::new(object.clone());
        if Grant::asked(&object) == *has {
            return (asked, None);
        }
        let others: Vec<Arc<Pod>> = self.active_pods();
        let others: Vec<Arc<Pod>> = others
            .into_iter()
            .filter(|other| other.metadata.uid != object.metadata.uid)
            .collect();
        let node = self.node.node();
        let refused = refusal(AdmissionInput {
            pod: &asked,
            node: node.as_deref().unwrap_or(&self.expected_node),
            others: &others,
            pressure: self.node.pressure(),
        });
        let Some(verdict) = refused else {
            return (asked, None);
        };
        let why = Deferred {
            message: verdict.message,
            generation: object.metadata.generation,
        };
        let granted = PodToRun::new(has.applied_to(&object));
        (granted, Some(DeferredWish { asked: object, why }))
    }

    /// Ends what nobody wants to run here.
    fn end_strangers(self: &Arc<Self>, found: impl IntoIterator<Item = PodLabels>) {
        let mut pods = self.pods.lock();
        for labels in found {
            if pods.workers.contains_key(&labels.uid) {
                continue;
            }
            tracing::info!(
                pod = labels.name,
                namespace = labels.namespace,
                uid = labels.uid,
                "ending a leftover pod"
            );
            let wish = Wish {
                removed: true,
                ..Wish::run(Arc::new(leftovers::stranger(&labels)))
            };
            self.start(&mut pods, wish);
        }
    }
}

fn is_over(pod: &Pod) -> bool {
    is_last_phase(pod.status.as_ref().and_then(|status| status.phase.as_deref()))
}

/// What sources tell.
impl Manager {
    fn set_known(&self, handle: &Handle, object: Arc<Pod>) {
        let before = handle.pod();
        // Of a leftover nothing was known until now.
        let has = match before.object().spec {
            Some(_) => Grant::asked(before.object()),
            None => Grant::remembered(&object),
        };
        let (pod, deferred) = self.granted(&has, object);
        let is_resized = Grant::asked(pod.object()) != has;
        handle.wish.send_modify(|wish| {
            wish.pod = Arc::new(pod);
            wish.deferred = deferred;
        });
        if is_resized {
            self.share();
            self.tools.room.notify_one();
        }
    }

    /// A pod is to run here, or changed.
    pub fn set(self: &Arc<Self>, object: Arc<Pod>) {
        let pod = Arc::new(PodToRun::new(object));
        if let Some(mirrors) = self.tools.mirrors.as_ref().filter(|_| pod.is_static()) {
            mirrors.set(pod.object().clone());
        }
        if let Some(handle) = self.handle(pod.uid()) {
            self.set_known(&handle, pod.object().clone());
            self.tools.publisher.check(pod.uid());
            return;
        }
        let refused = self.refusal(&pod);
        let (granted, deferred) = self.granted(&Grant::remembered(pod.object()), pod.object().clone());
        let mut pods = self.pods.lock();
        if pod.is_static() && pods.has_static(&pod) {
            pods.waiting.insert(
                (pod.namespace().to_owned(), pod.name().to_owned()),
                pod.object().clone(),
            );
            return;
        }
        self.start(
            &mut pods,
            Wish {
                refused,
                deferred,
                ..Wish::run(Arc::new(granted))
            },
        );
        drop(pods);
        self.share();
    }

    /// A pod is not to run here any more.
    pub fn gone(&self, pod: &Pod) {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let key = |pod: &Pod| {
            let metadata = &pod.metadata;
            (
                metadata.namespace.clone().unwrap_or_default(),
                metadata.name.clone().unwrap_or_default(),
            )
        };
        let mut pods = self.pods.lock();
        if pods
            .waiting
            .get(&key(pod))
            .is_some_and(|waiting| waiting.metadata.uid.as_deref() == Some(uid))
        {
            pods.waiting.remove(&key(pod));
        }
        if let Some(handle) = pods.workers.get(uid) {
            handle.wish.send_modify(|wish| wish.removed = true);
        }
    }
}

impl Pods {
    /// Whether a pod from a file of that name is still there.
    fn has_static(&self, pod: &PodToRun) -> bool {
        self.workers.values().any(|handle| {
            let other = handle.pod();
            other.is_static() && other.name() == pod.name() && other.namespace() == pod.namespace()
        })
    }
}

impl NodeView for Manager {
    fn pods(&self) -> Vec<Arc<Pod>> {
        Self::pods(self)
    }

    fn runtime(&self) -> Arc<dyn ContainerRuntime> {
        self.tools.runtime.clone()
    }
}

/// The manager as sources and the runtime's events see it.
pub struct ManagerSink(pub Arc<Manager>);

impl PodSink for ManagerSink {
    fn set(&self, pod: Arc<Pod>) {
        self.0.set(pod);
    }

    fn gone(&self, pod: &Pod) {
        self.0.gone(pod);
    }

    fn mirror_changed(&self, namespace: &str, name: &str) {
        if let Some(mirrors) = &self.0.tools.mirrors {
            mirrors.check(namespace, name);
        }
        self.0.tools.publisher.check_mirror(namespace, name);
    }
}

impl RuntimeListener for ManagerSink {
    fn changed(&self, uid: &str, ended: Option<&str>) {
        if let Some(handle) = self.0.handle(uid) {
            handle.changed(ended);
        }
    }

    fn present(&self, found: BTreeSet<PodLabels>) {
        let handles: Vec<Arc<Handle>> = {
            let mut pods = self.0.pods.lock();
            if !pods.complete {
                pods.present.clone_from(&found);
            }
            pods.workers.values().cloned().collect()
        };
        // A full look: whatever was missed is seen now.
        for handle in handles {
            handle.changed(None);
        }
        if self.0.pods.lock().complete {
            self.0.end_strangers(found);
        }
    }
}
