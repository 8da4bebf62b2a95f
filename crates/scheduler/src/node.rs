//! A node as the scheduler sees it: what it has, what the pods on it use.

use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{Node, Taint};
use meta::quantity::Quantity;

use crate::pod::PodInfo;
use crate::resources::Resources;
use crate::selector::Labels;

/// A node and the pods on it, those assumed included.
#[derive(Clone, Debug)]
pub(crate) struct NodeInfo {
    pub(crate) node: Arc<Node>,
    pub(crate) pods: Vec<Arc<PodInfo>>,
    pub(crate) allocatable: Resources,
    pub(crate) allowed_pods: i64,
    pub(crate) requested: Resources,
    pub(crate) scored_requested: Resources,
}

static NO_LABELS: Labels = Labels::new();

impl NodeInfo {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let mut info = Self {
            node,
            pods: Vec::new(),
            allocatable: Resources::default(),
            allowed_pods: 0,
            requested: Resources::default(),
            scored_requested: Resources::default(),
        };
        info.read_allocatable();
        info
    }

    /// Takes the node's new state; the pods stay.
    pub(crate) fn update(&mut self, node: Arc<Node>) {
        self.node = node;
        self.read_allocatable();
    }

    fn read_allocatable(&mut self) {
        let allocatable = self
            .node
            .status
            .as_ref()
            .and_then(|status| status.allocatable.as_ref());
        self.allocatable = Resources::of(allocatable);
        let pods = allocatable.and_then(|all| all.get("pods"));
        self.allowed_pods = pods
            .and_then(|q| q.0.parse::<Quantity>().ok())
            .map_or(0, |q| q.value());
    }

    pub(crate) fn add(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.scored_requested.add(&pod.scored_requests);
        self.pods.push(pod);
    }

    pub(crate) fn remove(&mut self, uid: &str) {
        if let Some(at) = self.pods.iter().position(|pod| pod.uid() == uid) {
            let pod = self.pods.swap_remove(at);
            self.requested.subtract(&pod.requests);
            self.scored_requested.subtract(&pod.scored_requests);
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.node.metadata.name.as_deref().unwrap_or("")
    }

    pub(crate) fn labels(&self) -> &Labels {
        self.node.metadata.labels.as_ref().unwrap_or(&NO_LABELS)
    }

    pub(crate) fn taints(&self) -> &[Taint] {
        self.node
            .spec
            .as_ref()
            .and_then(|spec| spec.taints.as_deref())
            .unwrap_or_default()
    }

    pub(crate) fn is_unschedulable(&self) -> bool {
        self.node
            .spec
            .as_ref()
            .and_then(|spec| spec.unschedulable)
            .unwrap_or(false)
    }
}
