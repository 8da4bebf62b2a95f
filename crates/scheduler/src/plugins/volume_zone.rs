//! A volume that says in which zone it is wants a node of that zone.

use std::sync::Arc;

use client::k8s_openapi::api::core::v1::PersistentVolume;

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;
use crate::selector::Labels;
use crate::volumes::{VolumeSource, bound_volumes};

pub(crate) struct VolumeZone(pub(crate) Arc<dyn VolumeSource>);

/// Labels that say where something is, each with the one that took its place.
const PLACES: [(&str, &str); 4] = [
    (
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/zone",
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];
/// Stands between the zones of a volume that is in several.
const SEPARATOR: &str = "__";

/// Where a volume is.
struct Place {
    label: &'static str,
    newer_label: &'static str,
    values: Vec<String>,
}

impl Filter for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let volumes = bound_volumes(cycle.pod, &*self.0);
        let places: Vec<Place> = volumes.iter().flat_map(|volume| places(volume)).collect();
        if places.is_empty() {
            return None;
        }
        Some(Box::new(move |node: &NodeInfo| {
            if has_place(node.labels()) && !places.iter().all(|place| place.holds(node.labels())) {
                return Err(Rejection::unresolvable("node(s) had no available volume zone"));
            }
            Ok(())
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded | ClusterChange::NodeLabels | ClusterChange::Volumes
        )
    }
}

impl Place {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(self.label).or_else(|| labels.get(self.newer_label));
        value.is_some_and(|value| self.values.contains(value))
    }
}

fn places(volume: &PersistentVolume) -> Vec<Place> {
    let labels = volume.metadata.labels.as_ref();
    let place = |(label, newer_label): (&'static str, &'static str)| {
        let values = labels?.get(label)?.split(SEPARATOR).map(str::to_owned).collect();
        Some(Place {
            label,
            newer_label,
            values,
        })
    };
    PLACES.into_iter().filter_map(place).collect()
}

/// Nodes that do not say where they are may be anywhere.
fn has_place(labels: &Labels) -> bool {
    PLACES.iter().any(|(label, _)| labels.contains_key(*label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[(&str, &str)]) -> Labels {
        of.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn zones_are_read_from_labels_old_and_new() {
        const OLD: &str = "failure-domain.beta.kubernetes.io/zone";
        const NEW: &str = "topology.kubernetes.io/zone";
        for (of_volume, of_node, holds) in [
            ((NEW, "x"), (NEW, "x"), true),
            ((NEW, "x"), (NEW, "y"), false),
            ((NEW, "x__y"), (NEW, "y"), true),
            ((OLD, "x"), (NEW, "x"), true),
            ((OLD, "x"), (OLD, "y"), false),
        ] {
            let mut volume = PersistentVolume::default();
            volume.metadata.labels = Some(labels(&[of_volume]));
            let places = places(&volume);
            let node = labels(&[of_node]);
            assert!(has_place(&node));
            assert_eq!(
                places.iter().all(|place| place.holds(&node)),
                holds,
                "{of_volume:?} {of_node:?}"
            );
        }
        assert!(!has_place(&labels(&[("kubernetes.io/hostname", "a")])));
    }
}
