//! Nodes that are cordoned take only pods that tolerate it.

use client::k8s_openapi::api::core::v1::Taint;

use super::taint_toleration::tolerates;
use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;

pub(crate) struct NodeUnschedulable;

impl Filter for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let taint = Taint {
            key: String::from("node.kubernetes.io/unschedulable"),
            effect: String::from("NoSchedule"),
            ..Taint::default()
        };
        if cycle
            .pod
            .tolerations()
            .iter()
            .any(|toleration| tolerates(toleration, &taint))
        {
            return None;
        }
        Some(Box::new(|node: &NodeInfo| {
            if node.is_unschedulable() {
                Err(Rejection::unresolvable("node(s) were unschedulable"))
            } else {
                Ok(())
            }
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded | ClusterChange::NodeTaints | ClusterChange::PodItself
        )
    }
}
