//! A pod with what controllers and the scheduler read of it. Fields have the names and meanings of `core/v1`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    self as core, AWSElasticBlockStoreVolumeSource, Affinity, ContainerPort, EphemeralVolumeSource,
    GCEPersistentDiskVolumeSource, ISCSIVolumeSource, PersistentVolumeClaimVolumeSource, PodIP,
    PodSchedulingGate, RBDVolumeSource, ResourceRequirements, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Metadata, Shared};

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Pod {
    #[serde(default)]
    pub metadata: Metadata,
    pub spec: Option<PodSpec>,
    pub status: Option<PodStatus>,
}

/// What a pod is to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PodSpec {
    pub active_deadline_seconds: Option<i64>,
    pub affinity: Option<Shared<Affinity>>,
    #[serde(default)]
    pub containers: Shared<[Container]>,
    pub hostname: Option<Shared<str>>,
    pub init_containers: Option<Shared<[Container]>>,
    pub node_name: Option<Shared<str>>,
    pub node_selector: Option<Shared<BTreeMap<String, String>>>,
    pub overhead: Option<Shared<BTreeMap<String, Quantity>>>,
    pub preemption_policy: Option<Shared<str>>,
    pub priority: Option<i32>,
    pub priority_class_name: Option<Shared<str>>,
    pub resources: Option<Shared<ResourceRequirements>>,
    pub scheduler_name: Option<Shared<str>>,
    pub scheduling_gates: Option<Shared<[PodSchedulingGate]>>,
    pub subdomain: Option<Shared<str>>,
    pub tolerations: Option<Shared<[Toleration]>>,
    pub topology_spread_constraints: Option<Shared<[TopologySpreadConstraint]>>,
    /// Only those that are claims, or disks that not everybody may have at once.
    #[serde(default, deserialize_with = "volumes")]
    pub volumes: Option<Shared<[Volume]>>,
}

/// A container, init containers included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Container {
    pub image: Option<String>,
    #[serde(default)]
    pub name: String,
    pub ports: Option<Vec<ContainerPort>>,
    pub resources: Option<ResourceRequirements>,
    pub restart_policy: Option<String>,
}

/// A volume that is a claim or a disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Volume {
    pub aws_elastic_block_store: Option<AWSElasticBlockStoreVolumeSource>,
    pub ephemeral: Option<EphemeralVolumeSource>,
    pub gce_persistent_disk: Option<GCEPersistentDiskVolumeSource>,
    pub iscsi: Option<ISCSIVolumeSource>,
    #[serde(default)]
    pub name: String,
    pub persistent_volume_claim: Option<PersistentVolumeClaimVolumeSource>,
    pub rbd: Option<RBDVolumeSource>,
}

/// What a pod is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PodStatus {
    pub conditions: Option<Vec<PodCondition>>,
    pub container_statuses: Option<Vec<ContainerStatus>>,
    pub init_container_statuses: Option<Vec<ContainerStatus>>,
    pub nominated_node_name: Option<Shared<str>>,
    pub phase: Option<Shared<str>>,
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pub pod_ips: Option<Vec<PodIP>>,
    pub reason: Option<Shared<str>>,
    pub start_time: Option<Time>,
}

/// One thing that is so of a pod, or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PodCondition {
    pub last_transition_time: Option<Time>,
    #[serde(default)]
    pub status: Shared<str>,
    #[serde(default, rename = "type")]
    pub type_: Shared<str>,
}

/// How a container stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ContainerStatus {
    #[serde(default)]
    pub name: Shared<str>,
    #[serde(default)]
    pub restart_count: i32,
    pub state: Option<ContainerState>,
}

/// The state of a container; of those that have not ended it is not kept which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ContainerState {
    pub terminated: Option<ContainerStateTerminated>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ContainerStateTerminated {
    #[serde(default)]
    pub exit_code: i32,
    pub finished_at: Option<Time>,
}

impl k8s_openapi::Resource for Pod {
    const API_VERSION: &'static str = <core::Pod as k8s_openapi::Resource>::API_VERSION;
    const GROUP: &'static str = <core::Pod as k8s_openapi::Resource>::GROUP;
    const KIND: &'static str = <core::Pod as k8s_openapi::Resource>::KIND;
    const VERSION: &'static str = <core::Pod as k8s_openapi::Resource>::VERSION;
    const URL_PATH_SEGMENT: &'static str = <core::Pod as k8s_openapi::Resource>::URL_PATH_SEGMENT;
    type Scope = <core::Pod as k8s_openapi::Resource>::Scope;
}

impl k8s_openapi::Metadata for Pod {
    type Ty = Metadata;

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }
}

impl From<&core::Pod> for Pod {
    /// What would be held of a pod if it were one of the server's.
    fn from(pod: &core::Pod) -> Self {
        let json = serde_json::to_value(pod);
        json.and_then(serde_json::from_value)
            .expect("what is written as a pod is read as one")
    }
}

fn volumes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Shared<[Volume]>>, D::Error> {
    let mut volumes = Option::<Vec<Volume>>::deserialize(deserializer)?.unwrap_or_default();
    volumes.retain(|volume| {
        volume.persistent_volume_claim.is_some()
            || volume.ephemeral.is_some()
            || volume.gce_persistent_disk.is_some()
            || volume.aws_elastic_block_store.is_some()
            || volume.iscsi.is_some()
            || volume.rbd.is_some()
    });
    Ok((!volumes.is_empty()).then(|| volumes.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_held_without_what_nobody_reads() {
        let pod: Pod = serde_json::from_value(json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {
                "name": "p", "labels": { "a": "b" }, "managedFields": [{ "manager": "m" }],
                "annotations": { "other": "long", "controller.kubernetes.io/pod-deletion-cost": "5" },
            },
            "spec": {
                "nodeName": "n",
                "containers": [{ "name": "c", "image": "i", "env": [{ "name": "A" }] }],
                "volumes": [
                    { "name": "token", "projected": {} },
                    { "name": "data", "persistentVolumeClaim": { "claimName": "d" } },
                ],
            },
            "status": { "phase": "Running", "podIP": "10.0.0.1", "conditions": [{ "type": "Ready", "status": "True" }] },
        }))
        .unwrap();
        let kept = json!({
            "annotations": { "controller.kubernetes.io/pod-deletion-cost": "5" },
            "volumes": [{ "name": "data", "claim": "d" }],
        });
        let spec = pod.spec.as_ref().unwrap();
        let claims: Vec<_> = spec.volumes.iter().flatten().collect();
        assert_eq!(claims.len(), 1);
        assert_eq!(json!(pod.metadata.annotations), kept["annotations"]);
        assert_eq!(pod.status.as_ref().unwrap().pod_ip.as_deref(), Some("10.0.0.1"));
        assert_eq!(spec.containers[0].name, "c");
    }

    #[test]
    fn pods_of_one_template_have_it_in_common() {
        let pod = |name: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": { "name": name, "labels": { "app": "lean-test" } },
                "spec": { "containers": [{ "name": "lean-test", "env": [{ "name": "N", "value": name }] }] },
            }))
            .unwrap()
        };
        let (a, b) = (pod("a"), pod("b"));
        let containers = |pod: &Pod| pod.spec.as_ref().unwrap().containers.as_ptr();
        assert_eq!(containers(&a), containers(&b));
        assert_eq!(a.metadata.labels, b.metadata.labels);
    }

    #[test]
    fn a_pod_is_small() {
        assert!(size_of::<Pod>() <= 800, "{} bytes", size_of::<Pod>());
    }

    #[test]
    fn a_whole_pod_becomes_a_lean_one() {
        let whole: core::Pod = serde_json::from_value(json!({
            "metadata": { "name": "p" }, "spec": { "containers": [], "priority": 5 },
        }))
        .unwrap();
        let pod = Pod::from(&whole);
        assert_eq!(pod.metadata.name.as_deref(), Some("p"));
        assert_eq!(pod.spec.and_then(|spec| spec.priority), Some(5));
    }
}
