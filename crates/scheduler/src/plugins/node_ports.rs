//! Two pods cannot have the same port of a node.

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;

pub(crate) struct NodePorts;

impl Filter for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let wanted = &cycle.pod.host_ports;
        if wanted.is_empty() {
            return None;
        }
        Some(Box::new(move |node: &NodeInfo| {
            let mut taken = node.pods.iter().flat_map(|pod| &pod.host_ports);
            if taken.any(|port| wanted.iter().any(|mine| mine.conflicts_with(port))) {
                return Err(Rejection::resolvable(
                    "node(s) didn't have free ports for the requested pod ports",
                ));
            }
            Ok(())
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(change, ClusterChange::NodeAdded | ClusterChange::PodGone)
    }
}
