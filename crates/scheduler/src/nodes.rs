//! All nodes at one moment. Cheap to copy: nodes are shared until one of them changes.

use std::collections::HashMap;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::Node;

use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selector::Labels;

/// Nodes by name, in a stable order, and the labels of namespaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nodes {
    by_name: HashMap<String, usize>,
    nodes: Vec<Arc<NodeInfo>>,
    /// Labels by namespace; pod affinity may select namespaces by them.
    pub(crate) namespaces: Arc<HashMap<String, Labels>>,
}

impl Nodes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<NodeInfo>> {
        self.nodes.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<NodeInfo>> {
        self.by_name.get(name).map(|&at| &self.nodes[at])
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut NodeInfo> {
        let at = *self.by_name.get(name)?;
        Some(Arc::make_mut(&mut self.nodes[at]))
    }

    /// Puts a node in, or its new state.
    pub(crate) fn put(&mut self, node: Arc<Node>) {
        let name = node.metadata.name.clone().unwrap_or_default();
        match self.get_mut(&name) {
            Some(known) => known.update(node),
            None => {
                self.by_name.insert(name, self.nodes.len());
                self.nodes.push(Arc::new(NodeInfo::new(node)));
            }
        }
    }

    /// Takes a node out; gives the pods that were on it.
    pub(crate) fn remove(&mut self, name: &str) -> Vec<Arc<PodInfo>> {
        let Some(at) = self.by_name.remove(name) else {
            return Vec::new();
        };
        let gone = self.nodes.swap_remove(at);
        if let Some(moved) = self.nodes.get(at) {
            self.by_name.insert(moved.name().to_owned(), at);
        }
        gone.pods.clone()
    }

    /// Whether the node is known.
    pub(crate) fn add_pod(&mut self, node: &str, pod: Arc<PodInfo>) -> bool {
        let known = self.get_mut(node);
        let is_known = known.is_some();
        if let Some(known) = known {
            known.add(pod);
        }
        is_known
    }

    pub(crate) fn remove_pod(&mut self, node: &str, uid: &str) {
        if let Some(known) = self.get_mut(node) {
            known.remove(uid);
        }
    }
}
