//! A disk that only one machine or one pod may have is not given to a second.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::PersistentVolumeClaim;
use client::lean::Volume;

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::volumes::{VolumeSource, claim_names};

pub(crate) struct VolumeRestrictions(pub(crate) Arc<dyn VolumeSource>);

const ONE_POD: &str = "ReadWriteOncePod";

impl Filter for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let disks: Vec<&Volume> = (cycle.pod.spec().volumes.iter().flatten())
            .filter(|volume| is_disk(volume))
            .collect();
        let alone = self.claims_for_one_pod(cycle.pod);
        if disks.is_empty() && alone.is_empty() {
            return None;
        }
        Some(Box::new(move |node: &NodeInfo| {
            let others = || {
                node.pods
                    .iter()
                    .flat_map(|pod| pod.spec().volumes.iter().flatten())
            };
            if disks
                .iter()
                .any(|disk| others().any(|other| conflict(disk, other)))
            {
                return Err(Rejection::resolvable("node(s) had no available disk"));
            }
            if node.pods.iter().any(|other| shares(other, cycle.pod, &alone)) {
                return Err(Rejection::resolvable(
                    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
                ));
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

impl VolumeRestrictions {
    /// The pod's claims that no second pod may use.
    fn claims_for_one_pod(&self, pod: &PodInfo) -> BTreeSet<String> {
        let names: BTreeSet<String> = claim_names(pod).collect();
        if names.is_empty() {
            return names;
        }
        let facts = self.0.look(pod);
        let is_for_one = |claim: &PersistentVolumeClaim| {
            let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_ref());
            modes.is_some_and(|modes| modes.iter().any(|mode| mode == ONE_POD))
        };
        let alone = names.into_iter();
        alone
            .filter(|name| facts.claims.get(name).is_some_and(|claim| is_for_one(claim)))
            .collect()
    }
}

fn shares(other: &PodInfo, pod: &PodInfo, claims: &BTreeSet<String>) -> bool {
    !claims.is_empty()
        && other.namespace() == pod.namespace()
        && claim_names(other).any(|claim| claims.contains(&claim))
}

fn is_disk(volume: &Volume) -> bool {
    volume.gce_persistent_disk.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.rbd.is_some()
        || volume.iscsi.is_some()
}

/// Whether two volumes are the same disk, and it cannot be used twice.
fn conflict(one: &Volume, other: &Volume) -> bool {
    let written = |one: Option<bool>, other: Option<bool>| !(one == Some(true) && other == Some(true));
    if let (Some(one), Some(other)) = (&one.gce_persistent_disk, &other.gce_persistent_disk) {
        return one.pd_name == other.pd_name && written(one.read_only, other.read_only);
    }
    if let (Some(one), Some(other)) = (&one.aws_elastic_block_store, &other.aws_elastic_block_store) {
        return one.volume_id == other.volume_id;
    }
    if let (Some(one), Some(other)) = (&one.iscsi, &other.iscsi) {
        return one.iqn == other.iqn && written(one.read_only, other.read_only);
    }
    if let (Some(one), Some(other)) = (&one.rbd, &other.rbd) {
        return one
            .monitors
            .iter()
            .any(|monitor| other.monitors.contains(monitor))
            && one.pool == other.pool
            && one.image == other.image
            && written(one.read_only, other.read_only);
    }
    false
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::{
        GCEPersistentDiskVolumeSource, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource,
    };
    use client::lean::Pod;

    use super::*;
    use crate::plugins::testing::{Cluster, pod};
    use crate::volumes::VolumeFacts;

    struct OneClaim(&'static str);

    impl VolumeSource for OneClaim {
        fn look(&self, _: &PodInfo) -> VolumeFacts {
            let claim = PersistentVolumeClaim {
                spec: Some(PersistentVolumeClaimSpec {
                    access_modes: Some(vec![self.0.to_owned()]),
                    ..PersistentVolumeClaimSpec::default()
                }),
                ..PersistentVolumeClaim::default()
            };
            VolumeFacts {
                claims: [("c".to_owned(), Arc::new(claim))].into(),
                ..VolumeFacts::default()
            }
        }
    }

    fn with(name: &str, volume: Volume) -> Pod {
        let mut pod = pod(name, "1m");
        pod.spec.get_or_insert_default().volumes = Some(vec![volume]);
        pod
    }

    fn disk(name: &str, read_only: bool) -> Volume {
        Volume {
            gce_persistent_disk: Some(GCEPersistentDiskVolumeSource {
                pd_name: name.to_owned(),
                read_only: Some(read_only),
                ..GCEPersistentDiskVolumeSource::default()
            }),
            ..Volume::default()
        }
    }

    fn claim() -> Volume {
        Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: "c".to_owned(),
                read_only: None,
            }),
            ..Volume::default()
        }
    }

    #[test]
    fn a_disk_is_written_on_one_node_by_one_pod() {
        let filter = VolumeRestrictions(Arc::new(OneClaim("ReadWriteOnce")));
        for (there, wanted, is_refused) in [
            (disk("d", false), disk("d", false), true),
            (disk("d", true), disk("d", false), true),
            (disk("d", true), disk("d", true), false),
            (disk("d", false), disk("e", false), false),
            (claim(), claim(), false),
        ] {
            let mut cluster = Cluster::default();
            cluster.node("a", &[]).node("b", &[]).place(with("x", there), "a");
            let refused: &[_] = if is_refused {
                &[("a", "node(s) had no available disk")]
            } else {
                &[]
            };
            assert_eq!(cluster.rejections(&filter, with("new", wanted)), refused);
        }
    }

    #[test]
    fn a_claim_for_one_pod_is_used_by_one() {
        let filter = VolumeRestrictions(Arc::new(OneClaim(ONE_POD)));
        let mut cluster = Cluster::default();
        cluster.node("a", &[]).place(with("x", claim()), "a");
        let rejections = cluster.rejections(&filter, with("new", claim()));
        assert_eq!(rejections.len(), 1, "{rejections:?}");
        assert!(rejections[0].1.contains("ReadWriteOncePod"));
    }
}
