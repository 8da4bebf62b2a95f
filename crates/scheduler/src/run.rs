//! The scheduler at work: informers feed cache and queue, one loop decides, binding goes on in the background.

use std::sync::Arc;
use std::time::Instant;

use client::controller::Chain;
use client::k8s_openapi::api::core::v1::{Binding, Namespace, Node, ObjectReference};
use client::k8s_openapi::api::policy::v1::PodDisruptionBudget;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::lean::Pod;
use client::{Change, Client, DeleteOptions, EventRecorder, EventType, Informer, Informers, Scope};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::cycle::Placer;
use crate::diagnosis::Diagnosis;
use crate::framework::{ClusterChange, Filter};
use crate::nodes::Nodes;
use crate::plugins;
use crate::pod::{PodInfo, is_finished, node_name, nominated_node};
use crate::preemption;
use crate::queue::Queue;
use crate::volumes::{Step, VolumeBinder, VolumeNeeds};

/// The name by which pods ask for this scheduler, and under which it acts.
pub const DEFAULT_NAME: &str = "default-scheduler";

/// What the scheduler is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pods with this `schedulerName` are placed.
    pub scheduler_name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scheduler_name: DEFAULT_NAME.to_owned(),
        }
    }
}

/// Runs until the token fires.
pub async fn run(config: Config, client: Client, shutdown: CancellationToken) {
    let informers = Informers::new(client.clone(), shutdown.clone());
    let budgets = informers.of::<PodDisruptionBudget>();
    let volumes = VolumeBinder::new(client.clone(), &informers);
    let scheduler = Arc::new(Scheduler {
        recorder: EventRecorder::start(client.clone(), &config.scheduler_name, ""),
        config,
        client,
        budgets: budgets.clone(),
        filters: plugins::filters(volumes.clone()),
        volumes: volumes.clone(),
        state: Mutex::default(),
        changed: Notify::new(),
    });
    let (pods, nodes, namespaces) = (
        informers.of::<Pod>(),
        informers.of::<Node>(),
        informers.of::<Namespace>(),
    );
    scheduler.follow(&pods, &nodes, &namespaces);
    let ready = async {
        pods.synced().await;
        nodes.synced().await;
        namespaces.synced().await;
        budgets.synced().await;
        volumes.synced().await;
    };
    tokio::select! {
        () = shutdown.cancelled() => return,
        () = ready => {}
    }
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = scheduler.schedule_all() => {}
    }
}

struct Scheduler {
    config: Config,
    client: Client,
    recorder: EventRecorder,
    budgets: Informer<PodDisruptionBudget>,
    volumes: Arc<VolumeBinder>,
    /// Asked only which changes help them; the loop has its own to place with.
    filters: Vec<Box<dyn Filter>>,
    state: Mutex<State>,
    /// A pod may have become ready.
    changed: Notify,
}

#[derive(Default)]
struct State {
    cache: Cache,
    queue: Queue,
}

impl Scheduler {
    fn follow(
        self: &Arc<Self>,
        pods: &Informer<Pod>,
        nodes: &Informer<Node>,
        namespaces: &Informer<Namespace>,
    ) {
        let scheduler = self.clone();
        nodes.on_change(move |change| scheduler.node_changed(change));
        let scheduler = self.clone();
        pods.on_change(move |change| scheduler.pod_changed(change));
        let scheduler = self.clone();
        self.volumes
            .follow(move || scheduler.wake(&mut scheduler.state.lock(), ClusterChange::Volumes));
        let scheduler = self.clone();
        namespaces.on_change(move |change| {
            let mut state = scheduler.state.lock();
            match (&change.new, &change.old) {
                (Some(new), _) => state.cache.put_namespace(new),
                (None, Some(old)) => state
                    .cache
                    .remove_namespace(old.metadata.name.as_deref().unwrap_or("")),
                (None, None) => {}
            }
        });
    }

    fn helps(&self, plugin: &str, change: ClusterChange) -> bool {
        self.filters
            .iter()
            .any(|filter| filter.name() == plugin && filter.is_helped_by(change))
    }

    fn node_changed(&self, change: &Change<Node>) {
        let mut state = self.state.lock();
        match (&change.new, &change.old) {
            (Some(new), old) => {
                state.cache.put_node(new.clone());
                for change in node_changes(old.as_deref(), new) {
                    self.wake(&mut state, change);
                }
            }
            (None, Some(old)) => state
                .cache
                .remove_node(old.metadata.name.as_deref().unwrap_or("")),
            (None, None) => {}
        }
    }

    fn pod_changed(&self, change: &Change<Pod>) {
        let mut state = self.state.lock();
        let uid = change
            .object()
            .and_then(|pod| pod.metadata.uid.clone())
            .unwrap_or_default();
        match &change.new {
            Some(pod) if !is_finished(pod) => {
                if node_name(pod).is_some() {
                    let is_new = !state.cache.is_placed(&uid);
                    state.queue.remove(&uid);
                    state.cache.put_pod(pod.clone());
                    let relabelled = change
                        .old
                        .as_ref()
                        .is_some_and(|old| old.metadata.labels != pod.metadata.labels);
                    if is_new || relabelled {
                        self.wake(&mut state, ClusterChange::PodPlaced);
                    }
                } else if self.is_mine(pod) {
                    self.promised(&mut state, pod, change.old.as_deref());
                    state.queue.put(pod.clone(), Instant::now());
                    self.changed.notify_one();
                }
            }
            _ => {
                state.queue.remove(&uid);
                if state.cache.release(&uid) {
                    self.wake(&mut state, ClusterChange::PodGone);
                }
                if state.cache.is_placed(&uid) {
                    state.cache.remove_pod(&uid);
                    self.wake(&mut state, ClusterChange::PodGone);
                }
            }
        }
    }

    /// Keeps what the pod's status promises. What is promised here, and not seen from the API yet, stays.
    fn promised(&self, state: &mut State, pod: &Arc<Pod>, old: Option<&Pod>) {
        match (nominated_node(pod), old.and_then(nominated_node)) {
            (Some(node), _) => state.cache.promise(Arc::new(PodInfo::new(pod.clone())), node),
            (None, Some(_)) => {
                state.cache.release(pod.metadata.uid.as_deref().unwrap_or(""));
                self.wake(state, ClusterChange::PodGone);
            }
            (None, None) => {}
        }
    }

    fn is_mine(&self, pod: &Pod) -> bool {
        let name = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
        name == Some(self.config.scheduler_name.as_str()) && pod.metadata.deletion_timestamp.is_none()
    }

    fn wake(&self, state: &mut State, change: ClusterChange) {
        state.queue.changed(
            change,
            |plugin, change| self.helps(plugin, change),
            Instant::now(),
        );
        self.changed.notify_one();
    }

    async fn schedule_all(self: Arc<Self>) {
        let placer = Placer::new(self.volumes.clone());
        loop {
            let (taken, due) = {
                let mut state = self.state.lock();
                (state.queue.take(Instant::now()), state.queue.next_due())
            };
            match (taken, due) {
                (Some(taken), _) => self.schedule(&placer, taken.pod),
                (None, None) => self.changed.notified().await,
                (None, Some(due)) => {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep_until(due.into()) => {}
                    }
                }
            }
        }
    }

    fn schedule(self: &Arc<Self>, placer: &Placer, pod: Arc<PodInfo>) {
        let (nodes, promised) = {
            let state = self.state.lock();
            (state.cache.snapshot(), state.cache.snapshot_with_promised(&pod))
        };
        match placer.place(&pod, &nodes, promised.as_ref()) {
            Ok(node) => {
                let steps = self.choose_volumes(&pod, &node, &nodes);
                self.volumes.reserve(&steps);
                self.state.lock().cache.assume(pod.clone(), &node);
                let scheduler = self.clone();
                tokio::spawn(async move { scheduler.bind(pod, node, steps).await });
            }
            // Those that were promised a place are no less important: none of them goes for this one.
            Err(diagnosis) => self.make_room(placer, pod, &promised.unwrap_or(nodes), diagnosis),
        }
    }

    /// Decides who goes for a pod that fits nowhere, if anyone, and sets it aside meanwhile.
    fn make_room(
        self: &Arc<Self>,
        placer: &Placer,
        pod: Arc<PodInfo>,
        nodes: &Nodes,
        mut diagnosis: Diagnosis,
    ) {
        let is_underway = preemption::makes_room_already(&pod, nodes, &diagnosis);
        let budgets = self.budgets.store().list();
        let preemption = preemption::plan(placer, &pod, nodes, &diagnosis, &budgets)
            .map_err(|message| diagnosis.preemption_failure = Some(message))
            .ok();
        let helps = |plugin: &str, change| self.helps(plugin, change);
        let mut state = self.state.lock();
        state
            .queue
            .set_aside(pod.uid(), diagnosis.plugins.clone(), helps, Instant::now());
        match &preemption {
            Some(preemption) => state.cache.promise(pod.clone(), &preemption.node),
            // It does not fit where it was promised to: others may.
            None if !is_underway && state.cache.release(pod.uid()) => {
                self.wake(&mut state, ClusterChange::PodGone);
            }
            None => {}
        }
        drop(state);
        let promise = match &preemption {
            Some(preemption) => Some(json!(preemption.node)),
            None => (!is_underway && pod.nominated_node().is_some()).then_some(json!(null)),
        };
        let scheduler = self.clone();
        tokio::spawn(async move {
            scheduler.report(&pod, &diagnosis, promise).await;
            for victim in preemption.iter().flat_map(|preemption| &preemption.victims) {
                scheduler.evict(victim, &pod).await;
            }
        });
    }

    /// The volumes that a pod gets with its node.
    fn choose_volumes(&self, pod: &PodInfo, node: &str, nodes: &Nodes) -> Vec<Step> {
        let needs = VolumeNeeds::of(pod, &*self.volumes).ok().flatten();
        let chosen = needs
            .zip(nodes.get(node))
            .and_then(|(needs, node)| needs.on(&node.node).ok());
        // What has changed since the node was chosen shows when the claims are not bound in time.
        chosen.unwrap_or_default()
    }

    async fn bind(&self, pod: Arc<PodInfo>, node: String, steps: Vec<Step>) {
        if let Err(error) = self.volumes.bind(&pod, &node, &steps).await {
            tracing::debug!(pod = pod.name(), error = %Chain(&error), "volumes not bound");
            return self.try_again(&pod);
        }
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(pod.name().to_owned()),
                namespace: Some(pod.namespace().to_owned()),
                uid: Some(pod.uid().to_owned()),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                api_version: Some(String::from("v1")),
                kind: Some(String::from("Node")),
                name: Some(node.clone()),
                ..ObjectReference::default()
            },
        };
        let scope = Scope::Namespace(pod.namespace());
        let bound = self
            .client
            .act::<Pod, _, serde_json::Value>(scope, pod.name(), "binding", &binding)
            .await;
        match bound {
            Ok(_) => {
                let message = format!(
                    "Successfully assigned {}/{} to {node}",
                    pod.namespace(),
                    pod.name()
                );
                self.recorder
                    .record(&*pod.pod, EventType::Normal, "Scheduled", message);
            }
            Err(error) => {
                tracing::debug!(pod = pod.name(), error = %Chain(&error), "binding failed");
                self.try_again(&pod);
            }
        }
    }

    /// The pod did not get its node.
    fn try_again(&self, pod: &PodInfo) {
        let mut state = self.state.lock();
        state.cache.forget(pod.uid());
        state.queue.back_off(pod.uid(), Instant::now());
        self.changed.notify_one();
    }

    /// Says on the pod why it waits, and which node it is promised, if that has changed; null if none any more.
    async fn report(&self, pod: &PodInfo, diagnosis: &Diagnosis, promise: Option<serde_json::Value>) {
        let message = diagnosis.message();
        self.recorder
            .record(&*pod.pod, EventType::Warning, "FailedScheduling", message.clone());
        let mut status = json!({ "conditions": [unschedulable(&message, &pod.pod)] });
        if let Some(node) = promise {
            status["nominatedNodeName"] = node;
        }
        let patch = json!({ "metadata": { "uid": pod.uid() }, "status": status });
        let options = client::PatchOptions {
            subresource: "status".into(),
            ..client::PatchOptions::default()
        };
        let scope = Scope::Namespace(pod.namespace());
        let patched = self
            .client
            .patch::<Pod>(scope, pod.name(), client::Patch::Strategic(&patch), &options)
            .await;
        if let Err(error) = patched {
            tracing::debug!(pod = pod.name(), error = %Chain(&error), "condition not written");
        }
    }

    async fn evict(&self, victim: &PodInfo, for_pod: &PodInfo) {
        let scope = Scope::Namespace(victim.namespace());
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": format!("{}: preempting to accommodate a higher priority pod", self.config.scheduler_name),
            "lastTransitionTime": now(),
        });
        let patch = json!({ "metadata": { "uid": victim.uid() }, "status": { "conditions": [condition] } });
        let options = client::PatchOptions {
            subresource: "status".into(),
            ..client::PatchOptions::default()
        };
        let marked = self
            .client
            .patch::<Pod>(scope, victim.name(), client::Patch::Strategic(&patch), &options)
            .await;
        if let Err(error) = marked {
            tracing::debug!(pod = victim.name(), error = %Chain(&error), "victim not marked");
        }
        match self
            .client
            .delete::<Pod>(scope, victim.name(), &DeleteOptions::of_uid(victim.uid()))
            .await
        {
            Ok(()) => {
                let node = node_name(&victim.pod).unwrap_or("");
                let message = format!("Preempted by pod {} on node {node}", for_pod.uid());
                self.recorder
                    .record(&*victim.pod, EventType::Normal, "Preempted", message);
            }
            Err(error) => tracing::debug!(pod = victim.name(), error = %Chain(&error), "victim not deleted"),
        }
    }
}

/// Now, as conditions have it.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The condition of a pod that no node fits; the time of transition stays if it is so already.
fn unschedulable(message: &str, pod: &Pod) -> serde_json::Value {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let standing = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False");
    let since = standing.and_then(|condition| condition.last_transition_time.as_ref());
    let since = since.map_or_else(now, |time| time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    json!({
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": since,
    })
}

/// What a new state of a node may help.
fn node_changes(old: Option<&Node>, new: &Node) -> Vec<ClusterChange> {
    let Some(old) = old else {
        return vec![ClusterChange::NodeAdded];
    };
    let allocatable = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
    let taints = |node: &Node| {
        node.spec
            .as_ref()
            .map(|spec| (spec.taints.clone(), spec.unschedulable))
    };
    let mut changes = Vec::new();
    if allocatable(old) != allocatable(new) {
        changes.push(ClusterChange::NodeAllocatable);
    }
    if old.metadata.labels != new.metadata.labels {
        changes.push(ClusterChange::NodeLabels);
    }
    if taints(old) != taints(new) {
        changes.push(ClusterChange::NodeTaints);
    }
    changes
}
