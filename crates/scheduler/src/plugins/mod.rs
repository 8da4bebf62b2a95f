//! The default plugins, a file each, in upstream's order.

mod balanced_allocation;
mod image_locality;
pub(crate) mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_unschedulable;
mod resources_fit;
mod taint_toleration;
mod topology_spread;
mod volume_binding;
mod volume_limits;
mod volume_restrictions;
mod volume_zone;

use std::sync::Arc;

use crate::framework::{Filter, Score};
use crate::volumes::VolumeSource;

/// Filters, in the order a node is asked about: the cheap and telling ones first.
pub(crate) fn filters(volumes: Arc<dyn VolumeSource>) -> Vec<Box<dyn Filter>> {
    vec![
        Box::new(node_unschedulable::NodeUnschedulable),
        Box::new(node_name::NodeName),
        Box::new(taint_toleration::TaintToleration),
        Box::new(node_affinity::NodeAffinity),
        Box::new(node_ports::NodePorts),
        Box::new(resources_fit::ResourcesFit),
        Box::new(volume_restrictions::VolumeRestrictions(volumes.clone())),
        Box::new(volume_limits::NodeVolumeLimits(volumes.clone())),
        Box::new(volume_binding::VolumeBinding(volumes.clone())),
        Box::new(volume_zone::VolumeZone(volumes)),
        Box::new(topology_spread::TopologySpread),
        Box::new(inter_pod_affinity::InterPodAffinity),
    ]
}

/// Scores, with upstream's weights.
pub(crate) fn scores() -> Vec<Box<dyn Score>> {
    vec![
        Box::new(taint_toleration::TaintToleration),
        Box::new(node_affinity::NodeAffinity),
        Box::new(resources_fit::ResourcesFit),
        Box::new(topology_spread::TopologySpread),
        Box::new(inter_pod_affinity::InterPodAffinity),
        Box::new(balanced_allocation::BalancedAllocation),
        Box::new(image_locality::ImageLocality),
    ]
}

#[cfg(test)]
pub(crate) mod testing;
