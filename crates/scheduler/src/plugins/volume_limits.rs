//! A node takes as many volumes of a CSI driver as the driver says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::volumes::{CsiVolume, VolumeSource, claim_names};

pub(crate) struct NodeVolumeLimits(pub(crate) Arc<dyn VolumeSource>);

impl Filter for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        "NodeVolumeLimits"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let new: BTreeSet<CsiVolume> = self.volumes(cycle.pod).collect();
        if new.is_empty() {
            return None;
        }
        Some(Box::new(move |node: &NodeInfo| {
            let limits = self.0.csi_limits(node.name());
            if limits.is_empty() {
                return Ok(());
            }
            let there: BTreeSet<CsiVolume> = node.pods.iter().flat_map(|pod| self.volumes(pod)).collect();
            if is_too_many(&limits, &there, &new) {
                return Err(Rejection::resolvable("node(s) exceed max volume count"));
            }
            Ok(())
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded | ClusterChange::PodGone | ClusterChange::Volumes
        )
    }
}

impl NodeVolumeLimits {
    fn volumes(&self, pod: &PodInfo) -> impl Iterator<Item = CsiVolume> {
        claim_names(pod).filter_map(|claim| self.0.csi_volume(pod.namespace(), &claim))
    }
}

/// Whether new volumes of some driver are more than the node takes. What is there already costs nothing more.
fn is_too_many(
    limits: &BTreeMap<String, usize>,
    there: &BTreeSet<CsiVolume>,
    new: &BTreeSet<CsiVolume>,
) -> bool {
    let of = |volumes: &mut dyn Iterator<Item = &CsiVolume>, driver: &str| {
        volumes.filter(|volume| volume.driver == driver).count()
    };
    limits.iter().any(|(driver, limit)| {
        let more = of(&mut new.difference(there), driver);
        more > 0 && of(&mut there.iter(), driver) + more > *limit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volumes(of: &[(&str, &str)]) -> BTreeSet<CsiVolume> {
        let volume = |(driver, handle): &(&str, &str)| CsiVolume {
            driver: (*driver).to_owned(),
            handle: (*handle).to_owned(),
        };
        of.iter().map(volume).collect()
    }

    #[test]
    fn each_driver_has_its_own_limit() {
        let limits = [("d".to_owned(), 2)].into();
        let there = volumes(&[("d", "1"), ("d", "2"), ("e", "1")]);
        for (new, too_many) in [
            (&[("d", "3")][..], true),
            (&[("d", "1")], false),
            (&[("e", "2"), ("e", "3"), ("e", "4")], false),
        ] {
            assert_eq!(is_too_many(&limits, &there, &volumes(new)), too_many, "{new:?}");
        }
        assert!(!is_too_many(
            &limits,
            &volumes(&[("d", "1")]),
            &volumes(&[("d", "2")])
        ));
    }
}
