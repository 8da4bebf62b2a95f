//! A pod is where its volumes are.

use std::sync::Arc;

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;
use crate::volumes::{VolumeNeeds, VolumeSource};

pub(crate) struct VolumeBinding(pub(crate) Arc<dyn VolumeSource>);

impl Filter for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        match VolumeNeeds::of(cycle.pod, &*self.0).transpose()? {
            Ok(needs) => Some(Box::new(move |node: &NodeInfo| needs.on(&node.node).map(drop))),
            Err(why) => Some(Box::new(move |_: &NodeInfo| {
                Err(Rejection::of_the_pod(why.clone()))
            })),
        }
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded | ClusterChange::NodeLabels | ClusterChange::Volumes
        )
    }
}
