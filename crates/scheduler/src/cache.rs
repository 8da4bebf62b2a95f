//! What is where: nodes and the pods on them, kept current by the informers, and pods that were placed a moment ago and
//! whose binding the informer has not shown yet. Also what was promised: places that pods wait for while others leave them.

use std::collections::HashMap;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{Namespace, Node};
use client::lean::Pod;

use crate::nodes::Nodes;
use crate::pod::{PodInfo, node_name};

/// The state placements are decided on.
#[derive(Default)]
pub(crate) struct Cache {
    nodes: Nodes,
    /// Where each known pod is, by UID; a pod whose node is not known yet waits here.
    placed: HashMap<String, Placed>,
    /// The nodes that pods were promised, by UID.
    promised: HashMap<String, (String, Arc<PodInfo>)>,
}

struct Placed {
    node: String,
    pod: Arc<PodInfo>,
    /// Decided here, not yet seen from the API.
    assumed: bool,
}

impl Cache {
    /// The nodes as they are now.
    pub(crate) fn snapshot(&self) -> Nodes {
        self.nodes.clone()
    }

    /// The nodes as they will be when pods no less important than this one are where they were promised to be. None if there are
    /// no such pods.
    pub(crate) fn snapshot_with_promised(&self, pod: &PodInfo) -> Option<Nodes> {
        let mut before_it = self
            .promised
            .values()
            .filter(|(_, other)| other.priority() >= pod.priority() && other.uid() != pod.uid())
            .peekable();
        before_it.peek()?;
        let mut nodes = self.snapshot();
        for (node, other) in before_it {
            nodes.add_pod(node, other.clone());
        }
        Some(nodes)
    }

    /// A pod is to have a node as soon as there is room.
    pub(crate) fn promise(&mut self, pod: Arc<PodInfo>, node: &str) {
        let uid = pod.uid().to_owned();
        self.promised.insert(uid, (node.to_owned(), pod));
    }

    /// Takes a promise back; says whether there was one.
    pub(crate) fn release(&mut self, uid: &str) -> bool {
        self.promised.remove(uid).is_some()
    }

    pub(crate) fn put_node(&mut self, node: Arc<Node>) {
        let name = node.metadata.name.clone().unwrap_or_default();
        let is_new = self.nodes.get(&name).is_none();
        self.nodes.put(node);
        if is_new {
            for placed in self.placed.values().filter(|placed| placed.node == name) {
                self.nodes.add_pod(&name, placed.pod.clone());
            }
        }
    }

    pub(crate) fn remove_node(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// Takes a pod that is on a node.
    pub(crate) fn put_pod(&mut self, pod: Arc<Pod>) {
        let Some(node) = node_name(&pod).map(str::to_owned) else {
            return;
        };
        let pod = Arc::new(PodInfo::new(pod));
        self.remove_pod(pod.uid());
        self.place(pod, node, false);
    }

    /// Counts a pod as placed before the API says so.
    pub(crate) fn assume(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.remove_pod(pod.uid());
        self.place(pod, node.to_owned(), true);
    }

    /// The binding failed: the pod is placed no longer, unless the API has shown it since.
    pub(crate) fn forget(&mut self, uid: &str) {
        if self.placed.get(uid).is_some_and(|placed| placed.assumed) {
            self.remove_pod(uid);
        }
    }

    fn place(&mut self, pod: Arc<PodInfo>, node: String, assumed: bool) {
        self.release(pod.uid());
        self.nodes.add_pod(&node, pod.clone());
        self.placed
            .insert(pod.uid().to_owned(), Placed { node, pod, assumed });
    }

    pub(crate) fn remove_pod(&mut self, uid: &str) {
        if let Some(placed) = self.placed.remove(uid) {
            self.nodes.remove_pod(&placed.node, uid);
        }
    }

    /// Whether the pod is placed, if only assumed.
    pub(crate) fn is_placed(&self, uid: &str) -> bool {
        self.placed.contains_key(uid)
    }

    pub(crate) fn put_namespace(&mut self, namespace: &Namespace) {
        let name = namespace.metadata.name.clone().unwrap_or_default();
        let labels = namespace.metadata.labels.clone().unwrap_or_default();
        Arc::make_mut(&mut self.nodes.namespaces).insert(name, labels);
    }

    pub(crate) fn remove_namespace(&mut self, name: &str) {
        Arc::make_mut(&mut self.nodes.namespaces).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::testing::{info, node, on_node, pod, prioritised};

    #[test]
    fn pods_that_come_before_their_node_are_counted_when_it_comes() {
        let mut cache = Cache::default();
        cache.put_pod(on_node(pod("a", "500m"), "n"));
        cache.put_node(node("n", "1"));
        assert_eq!(cache.snapshot().get("n").unwrap().requested.milli_cpu, 500);
    }

    #[test]
    fn promised_places_are_taken_for_those_that_are_less_important() {
        let mut cache = Cache::default();
        cache.put_node(node("n", "1"));
        let promised = Arc::new(info(prioritised(pod("promised", "500m"), 5)));
        cache.promise(promised.clone(), "n");
        let used = |cache: &Cache, other: &PodInfo| {
            let nodes = cache.snapshot_with_promised(other);
            nodes.map(|nodes| nodes.get("n").unwrap().requested.milli_cpu)
        };
        for (priority, expected) in [(4, Some(500)), (5, Some(500)), (6, None)] {
            let other = info(prioritised(pod("other", "1"), priority));
            assert_eq!(used(&cache, &other), expected, "priority {priority}");
        }
        assert_eq!(used(&cache, &promised), None, "not for itself");
        assert_eq!(cache.snapshot().get("n").unwrap().requested.milli_cpu, 0);
        cache.assume(promised, "n");
        assert!(!cache.release("promised"), "kept");
    }

    #[test]
    fn an_assumed_pod_is_counted_once() {
        let mut cache = Cache::default();
        cache.put_node(node("n", "1"));
        cache.assume(Arc::new(PodInfo::new(Arc::new(pod("a", "500m")))), "n");
        assert_eq!(cache.snapshot().get("n").unwrap().requested.milli_cpu, 500);
        cache.put_pod(on_node(pod("a", "500m"), "n"));
        cache.forget("a");
        assert_eq!(cache.snapshot().get("n").unwrap().requested.milli_cpu, 500);
        cache.remove_pod("a");
        assert_eq!(cache.snapshot().get("n").unwrap().requested.milli_cpu, 0);
    }
}
