//! Garbage collection: objects whose owners are gone go too, and owners wait for their dependents, or let them go first.
//!
//! One monitor per resource follows the metadata of all objects and keeps the [`graph`] of who owns whom. Changes name
//! objects to look at; a pass reads the object and its owners live, a [`plan`] decides, and the [`collect`]or acts.

mod absent;
mod collect;
mod graph;
mod monitors;
mod plan;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use client::{Client, EventRecorder, WorkQueue, run_workers};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::context::Context;
use crate::discovery::{ApiResource, Discovery};
use crate::metadata::Metadata;
use crate::metadata_monitor::Sink;
use graph::{Graph, Work};
use monitors::Monitors;

/// The controller's service account.
pub const NAME: &str = "generic-garbage-collector";
/// Who its events are from.
const COMPONENT: &str = "garbage-collector-controller";
const WORKERS: usize = 20;
/// Resources whose objects are resources themselves.
const DEFINITIONS: [(&str, &str); 2] = [
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
];

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let collector = Arc::new(Collector {
        recorder: EventRecorder::start(client.clone(), COMPONENT, ""),
        client,
        graph: Mutex::default(),
        queue: WorkQueue::new(),
        discovery: RwLock::default(),
        of_unknown_kinds: Mutex::default(),
        resources_changed: Notify::new(),
    });
    let monitors = Monitors::new(collector.clone(), context.shutdown());
    let follow = monitors.run();
    let queue = collector.queue.clone();
    let work = run_workers(NAME, queue, WORKERS, context.shutdown(), move |work| {
        collector.clone().reconcile(work)
    });
    tokio::join!(follow, work);
}

/// What all parts share.
struct Collector {
    client: Client,
    recorder: EventRecorder,
    graph: Mutex<Graph>,
    queue: WorkQueue<Work>,
    discovery: RwLock<Arc<Discovery>>,
    /// Objects with an owner of a kind that is not served; looked at again when the kinds have changed.
    of_unknown_kinds: Mutex<HashSet<Work>>,
    /// The server may serve other resources now.
    resources_changed: Notify,
}

/// Dependents are told of by other watches than their owner, which may be behind: what is not known yet cannot be let go.
const BEFORE_ORPHANING: Duration = Duration::from_millis(300);

impl Collector {
    /// Changes the graph, and queues what that calls for.
    fn change(&self, change: impl FnOnce(&mut Graph) -> Vec<Work>) {
        let work = change(&mut self.graph.lock());
        for item in work {
            let delay = match item {
                Work::Orphan(_) => BEFORE_ORPHANING,
                Work::Collect(_) => Duration::ZERO,
            };
            self.queue.add_after(item, delay);
        }
    }

    fn take_discovery(&self, discovery: Discovery) {
        *self.discovery.write() = Arc::new(discovery);
        for item in std::mem::take(&mut *self.of_unknown_kinds.lock()) {
            self.queue.add(item);
        }
    }
}

impl Sink for Collector {
    fn client(&self) -> &Client {
        &self.client
    }

    fn replaced(&self, resource: &Arc<ApiResource>, objects: &[Metadata]) {
        self.change(|graph| graph.replace(resource, objects));
        self.notice_definitions(resource);
    }

    fn observed(&self, resource: &Arc<ApiResource>, object: &Metadata) {
        self.change(|graph| graph.observe(resource, object));
        self.notice_definitions(resource);
    }

    fn gone(&self, resource: &Arc<ApiResource>, object: &Metadata) {
        self.change(|graph| graph.forget(&object.uid));
        self.notice_definitions(resource);
    }
}

impl Collector {
    fn notice_definitions(&self, resource: &ApiResource) {
        if DEFINITIONS.contains(&(resource.group.as_str(), resource.plural.as_str())) {
            self.resources_changed.notify_one();
        }
    }
}
