//! The volumes behind a pod's claims: on which nodes they are, and which of them are chosen only with the node.

mod binder;
mod fit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use client::k8s_openapi::api::storage::v1::StorageClass;
use client::lean::Volume;

use crate::framework::Rejection;
use crate::pod::PodInfo;
use crate::selector::node_matches;

pub(crate) use binder::VolumeBinder;

const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Where claims and volumes are looked up.
pub(crate) trait VolumeSource: Send + Sync {
    /// What there is for a pod with claims.
    fn look(&self, pod: &PodInfo) -> VolumeFacts;

    /// The volume of a CSI driver that a claim is bound to.
    fn csi_volume(&self, _namespace: &str, _claim: &str) -> Option<CsiVolume> {
        None
    }

    /// How many volumes a node takes, by driver.
    fn csi_limits(&self, _node: &str) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }
}

/// A volume as its CSI driver knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CsiVolume {
    pub(crate) driver: String,
    pub(crate) handle: String,
}

/// The names of a pod's claims.
pub(crate) fn claim_names(pod: &PodInfo) -> impl Iterator<Item = String> {
    claims_of(pod).map(|claim| claim.name)
}

/// The volumes that a pod's claims are bound to.
pub(crate) fn bound_volumes(pod: &PodInfo, source: &dyn VolumeSource) -> Vec<Arc<PersistentVolume>> {
    let names: Vec<String> = claim_names(pod).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let facts = source.look(pod);
    let claims = names.iter().filter_map(|name| facts.claims.get(name));
    let wanted: BTreeSet<&str> = claims
        .filter_map(|claim| claim.spec.as_ref()?.volume_name.as_deref())
        .collect();
    let is_wanted = |volume: &&Arc<PersistentVolume>| {
        let name = volume.metadata.name.as_deref();
        name.is_some_and(|name| wanted.contains(name))
    };
    facts.volumes.iter().filter(is_wanted).cloned().collect()
}

/// Claims and volumes at one moment.
#[derive(Default)]
pub(crate) struct VolumeFacts {
    /// The namespace's claims that the pod names, by name.
    pub(crate) claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    pub(crate) volumes: Vec<Arc<PersistentVolume>>,
    pub(crate) classes: Vec<Arc<StorageClass>>,
    /// Volumes that were given to other pods' claims a moment ago, by name.
    pub(crate) taken: BTreeSet<String>,
}

/// A pod without claims, as far as anyone knows.
#[cfg(test)]
pub(crate) struct NoVolumes;

#[cfg(test)]
impl VolumeSource for NoVolumes {
    fn look(&self, _: &PodInfo) -> VolumeFacts {
        VolumeFacts::default()
    }
}

/// What must be had for one claim.
enum Need {
    /// The volume it is bound to.
    Bound(Option<Arc<PersistentVolume>>),
    /// One that is chosen with the node.
    Open(Arc<PersistentVolumeClaim>, Arc<StorageClass>),
}

/// What is to be done for a claim before the pod is bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The claim gets this volume.
    Bind(Arc<PersistentVolumeClaim>, Arc<PersistentVolume>),
    /// Somebody makes a volume for it on the node.
    Provide(Arc<PersistentVolumeClaim>),
}

/// What a pod needs of volumes.
pub(crate) struct VolumeNeeds {
    needs: Vec<Need>,
    facts: VolumeFacts,
}

impl VolumeNeeds {
    /// None if the pod has no claims; an error if it can be on no node.
    pub(crate) fn of(pod: &PodInfo, source: &dyn VolumeSource) -> Result<Option<Self>, String> {
        let volumes: Vec<_> = claims_of(pod).collect();
        if volumes.is_empty() {
            return Ok(None);
        }
        let facts = source.look(pod);
        let needs = volumes.into_iter().map(|claim| need(&claim, &facts));
        Ok(Some(Self {
            needs: needs.collect::<Result<_, _>>()?,
            facts,
        }))
    }

    /// What is to be done for the pod to run on a node, or why it cannot.
    pub(crate) fn on(&self, node: &Node) -> Result<Vec<Step>, Rejection> {
        let mut steps = Vec::new();
        let mut taken = self.facts.taken.clone();
        for need in &self.needs {
            match need {
                Need::Bound(volume) => check_bound(volume.as_deref(), node)?,
                Need::Open(claim, class) => steps.push(self.choose(claim, class, node, &mut taken)?),
            }
        }
        Ok(steps)
    }

    fn choose(
        &self,
        claim: &Arc<PersistentVolumeClaim>,
        class: &StorageClass,
        node: &Node,
        taken: &mut BTreeSet<String>,
    ) -> Result<Step, Rejection> {
        let name = |volume: &PersistentVolume| volume.metadata.name.clone().unwrap_or_default();
        let may = |volume: &PersistentVolume| is_on(volume, node) && !taken.contains(&name(volume));
        if let Some(volume) = fit::best(claim, &self.facts.volumes, may) {
            taken.insert(name(&volume));
            return Ok(Step::Bind(claim.clone(), volume));
        }
        if class.provisioner == NO_PROVISIONER || !is_allowed(class, node) {
            return Err(Rejection::unresolvable(
                "node(s) didn't find available persistent volumes to bind",
            ));
        }
        Ok(Step::Provide(claim.clone()))
    }
}

/// The names of a pod's claims; those of ephemeral volumes are made from it, and marked.
fn claims_of(pod: &PodInfo) -> impl Iterator<Item = ClaimName> {
    let volumes = pod.spec().volumes.iter().flatten();
    volumes.filter_map(|volume| ClaimName::of(pod, volume))
}

struct ClaimName {
    name: String,
    is_ephemeral: bool,
}

impl ClaimName {
    fn of(pod: &PodInfo, volume: &Volume) -> Option<Self> {
        if let Some(claim) = &volume.persistent_volume_claim {
            return Some(Self {
                name: claim.claim_name.clone(),
                is_ephemeral: false,
            });
        }
        volume.ephemeral.as_ref().map(|_| Self {
            name: format!("{}-{}", pod.name(), volume.name),
            is_ephemeral: true,
        })
    }
}

/// Whether volume and claim know each other.
fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    let annotations = claim.metadata.annotations.as_ref();
    volume.is_some_and(|name| !name.is_empty())
        && annotations.is_some_and(|all| all.contains_key(BIND_COMPLETED))
}

fn need(claim: &ClaimName, facts: &VolumeFacts) -> Result<Need, String> {
    let name = &claim.name;
    let Some(found) = facts.claims.get(name) else {
        return Err(if claim.is_ephemeral {
            format!("waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}")
        } else {
            format!("persistentvolumeclaim {name:?} not found")
        });
    };
    let status = found.status.as_ref().and_then(|status| status.phase.as_deref());
    if status == Some("Lost") {
        let volume = found.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
        let volume = volume.unwrap_or_default();
        return Err(format!(
            "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
        ));
    }
    if found.metadata.deletion_timestamp.is_some() {
        return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
    }
    if is_bound(found) {
        let volume = found.spec.as_ref().and_then(|spec| spec.volume_name.clone());
        let mut volumes = facts.volumes.iter();
        let volume = volumes.find(|known| known.metadata.name == volume);
        return Ok(Need::Bound(volume.cloned()));
    }
    let class = fit::class_of(found);
    let class = facts
        .classes
        .iter()
        .find(|known| known.metadata.name.as_deref() == class);
    class
        .filter(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"))
        .map(|class| Need::Open(found.clone(), class.clone()))
        .ok_or_else(|| "pod has unbound immediate PersistentVolumeClaims".to_owned())
}

fn check_bound(volume: Option<&PersistentVolume>, node: &Node) -> Result<(), Rejection> {
    match volume {
        None => Err(Rejection::unresolvable(
            "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
        )),
        Some(volume) if !is_on(volume, node) => Err(Rejection::unresolvable(
            "node(s) didn't match PersistentVolume's node affinity",
        )),
        Some(_) => Ok(()),
    }
}

/// Whether a volume can be had on a node.
fn is_on(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|selector| node_matches(selector, node))
}

/// Whether volumes of a class may be made for a node.
fn is_allowed(class: &StorageClass, node: &Node) -> bool {
    let topologies = class.allowed_topologies.as_deref().unwrap_or_default();
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let holds = |key: &str, values: &[String]| labels.get(key).is_some_and(|value| values.contains(value));
    topologies.is_empty()
        || topologies.iter().any(|topology| {
            let mut expressions = topology.match_label_expressions.iter().flatten();
            expressions.all(|expression| holds(&expression.key, &expression.values))
        })
}

#[cfg(test)]
mod tests;
