//! A pod with what controllers and the scheduler read of it. Fields have the names and meanings of `core/v1`.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use k8s_openapi::api::core::v1::{
    self as core, AWSElasticBlockStoreVolumeSource, Affinity, ContainerPort, EphemeralVolumeSource,
    GCEPersistentDiskVolumeSource, ISCSIVolumeSource, PersistentVolumeClaimVolumeSource, PodIP,
    PodSchedulingGate, RBDVolumeSource, ResourceRequirements, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// What a pod is to be: what pods of one template have in common, and what each has of its own.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct PodSpec {
    pub hostname: Option<Shared<str>>,
    pub node_name: Option<Shared<str>>,
    pub template: Shared<PodTemplate>,
}

/// What pods of one template have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PodTemplate {
    pub active_deadline_seconds: Option<i64>,
    pub affinity: Option<Affinity>,
    pub containers: Shared<[Container]>,
    pub init_containers: Option<Shared<[Container]>>,
    pub node_selector: Option<BTreeMap<String, String>>,
    pub overhead: Option<BTreeMap<String, Quantity>>,
    pub preemption_policy: Option<String>,
    pub priority: Option<i32>,
    pub priority_class_name: Option<String>,
    pub resources: Option<ResourceRequirements>,
    pub scheduler_name: Option<String>,
    pub scheduling_gates: Option<Vec<PodSchedulingGate>>,
    pub subdomain: Option<String>,
    pub tolerations: Option<Shared<[Toleration]>>,
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// Only those that are claims, or disks that not everybody may have at once.
    pub volumes: Option<Vec<Volume>>,
}

impl From<PodTemplate> for PodSpec {
    fn from(template: PodTemplate) -> Self {
        Self {
            template: template.into(),
            ..Self::default()
        }
    }
}

impl Deref for PodSpec {
    type Target = PodTemplate;

    fn deref(&self) -> &PodTemplate {
        &self.template
    }
}

impl DerefMut for PodSpec {
    fn deref_mut(&mut self) -> &mut PodTemplate {
        self.template.make_mut()
    }
}

/// A pod's specification as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSpec {
    active_deadline_seconds: Option<i64>,
    affinity: Option<Affinity>,
    #[serde(default)]
    containers: Shared<[Container]>,
    hostname: Option<Shared<str>>,
    init_containers: Option<Shared<[Container]>>,
    node_name: Option<Shared<str>>,
    node_selector: Option<BTreeMap<String, String>>,
    overhead: Option<BTreeMap<String, Quantity>>,
    preemption_policy: Option<String>,
    priority: Option<i32>,
    priority_class_name: Option<String>,
    resources: Option<ResourceRequirements>,
    scheduler_name: Option<String>,
    scheduling_gates: Option<Vec<PodSchedulingGate>>,
    subdomain: Option<String>,
    tolerations: Option<Shared<[Toleration]>>,
    topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    #[serde(default, deserialize_with = "volumes")]
    volumes: Option<Vec<Volume>>,
}

impl<'de> Deserialize<'de> for PodSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireSpec::deserialize(deserializer)?;
        let template = PodTemplate {
            active_deadline_seconds: wire.active_deadline_seconds,
            affinity: wire.affinity,
            containers: wire.containers,
            init_containers: wire.init_containers,
            node_selector: wire.node_selector,
            overhead: wire.overhead,
            preemption_policy: wire.preemption_policy,
            priority: wire.priority,
            priority_class_name: wire.priority_class_name,
            resources: wire.resources,
            scheduler_name: wire.scheduler_name,
            scheduling_gates: wire.scheduling_gates,
            subdomain: wire.subdomain,
            tolerations: wire.tolerations,
            topology_spread_constraints: wire.topology_spread_constraints,
            volumes: wire.volumes,
        };
        Ok(Self {
            hostname: wire.hostname,
            node_name: wire.node_name,
            template: template.into(),
        })
    }
}

impl Serialize for PodSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Whole<'a> {
            hostname: Option<&'a str>,
            node_name: Option<&'a str>,
            #[serde(flatten)]
            template: &'a PodTemplate,
        }
        let whole = Whole {
            hostname: self.hostname.as_deref(),
            node_name: self.node_name.as_deref(),
            template: &self.template,
        };
        whole.serialize(serializer)
    }
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

super::kind!(Pod, core::Pod);

impl From<&core::Pod> for Pod {
    /// What would be held of a pod if it were one of the server's.
    fn from(pod: &core::Pod) -> Self {
        let json = serde_json::to_value(pod);
        json.and_then(serde_json::from_value)
            .expect("what is written as a pod is read as one")
    }
}

fn volumes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Volume>>, D::Error> {
    let mut volumes = Option::<Vec<Volume>>::deserialize(deserializer)?.unwrap_or_default();
    volumes.retain(|volume| {
        volume.persistent_volume_claim.is_some()
            || volume.ephemeral.is_some()
            || volume.gce_persistent_disk.is_some()
            || volume.aws_elastic_block_store.is_some()
            || volume.iscsi.is_some()
            || volume.rbd.is_some()
    });
    Ok((!volumes.is_empty()).then_some(volumes))
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
        let template = |pod: &Pod| std::ptr::from_ref(&**pod.spec.as_ref().unwrap());
        assert_eq!(template(&a), template(&b));
        assert_eq!(a.metadata.labels, b.metadata.labels);
    }

    #[test]
    fn a_pod_is_small() {
        assert!(size_of::<Pod>() <= 500, "{} bytes", size_of::<Pod>());
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
