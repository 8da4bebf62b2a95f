//! A pod that names its node goes there or nowhere.

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;

pub(crate) struct NodeName;

impl Filter for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let wanted = crate::pod::node_name(&cycle.pod.pod)?;
        Some(Box::new(move |node: &NodeInfo| {
            if node.name() == wanted {
                Ok(())
            } else {
                Err(Rejection::unresolvable(
                    "node(s) didn't match the requested node name",
                ))
            }
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        change == ClusterChange::NodeAdded
    }
}
