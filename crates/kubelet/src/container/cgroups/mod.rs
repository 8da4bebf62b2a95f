//! Cgroups of pods: a group for all pods, in it one for each class of service but the best, in those one per pod.
//!
//! The runtime makes a container's group in its pod's. What is made and limited here are the groups above.

mod hierarchy;
mod limits;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use crate::pod::PodToRun;
use crate::pod::qos::QosClass;

use super::settings::NodeSettings;
use hierarchy::Hierarchies;
use limits::Limits;

pub use hierarchy::is_unified;

/// Why a group could not be made, limited or removed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} cgroup {path}: {source}")]
pub struct CgroupError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn class_parent(parent: &str, class: QosClass) -> String {
    match class {
        QosClass::Guaranteed => parent.to_owned(),
        QosClass::Burstable => format!("{parent}/burstable"),
        QosClass::BestEffort => format!("{parent}/besteffort"),
    }
}

/// The group of a pod, as a path in every hierarchy.
pub fn pod_cgroup(pod: &PodToRun, parent: &str) -> String {
    let parent = class_parent(parent, QosClass::of(pod.spec()));
    format!("{parent}/pod{}", pod.uid())
}

/// The cgroups of a node's pods.
pub struct Cgroups {
    parent: String,
    hierarchies: Hierarchies,
    pids: Option<i64>,
}

impl Cgroups {
    /// Looks at what hierarchies this machine has.
    pub fn detect(node: &NodeSettings) -> Self {
        Self {
            parent: node.cgroup_parent.clone(),
            hierarchies: Hierarchies::detect(&node.cgroup_mount),
            pids: node.pod_pids_limit,
        }
    }

    /// Makes the groups above the pods', and limits all pods together to what the node gives them.
    pub fn prepare_node(&self, node: &NodeSettings) -> Result<(), CgroupError> {
        let all = Limits::of_node(node.allocatable);
        self.make(&self.parent, &all)?;
        let least = Limits::least();
        self.make(&class_parent(&self.parent, QosClass::BestEffort), &least)?;
        self.make(&class_parent(&self.parent, QosClass::Burstable), &least)
    }

    /// Gives burstable pods together the processor time they asked for. To be called when the set of pods changes.
    pub fn share(&self, pods: &[PodToRun]) -> Result<(), CgroupError> {
        let path = class_parent(&self.parent, QosClass::Burstable);
        self.make(&path, &Limits::of_burstable(pods))
    }

    /// Makes the group of a pod, and limits it.
    pub fn prepare_pod(&self, pod: &PodToRun) -> Result<(), CgroupError> {
        self.make(
            &pod_cgroup(pod, &self.parent),
            &Limits::of_pod(pod.spec(), self.pids),
        )
    }

    /// Lets a pod use whatever one of the two may: while containers change from one to the other.
    pub fn widen_pod(&self, before: &PodToRun, pod: &PodToRun) -> Result<(), CgroupError> {
        let [before, after] = [before, pod].map(|pod| Limits::of_pod(pod.spec(), self.pids));
        self.make(&pod_cgroup(pod, &self.parent), &before.widest(after))
    }

    /// Removes the group of a pod, wherever it is. Fails while a process is in it.
    pub fn remove_pod(&self, uid: &str) -> Result<(), CgroupError> {
        for path in self.parents().map(|parent| format!("{parent}/pod{uid}")) {
            self.hierarchies.remove(&path)?;
        }
        Ok(())
    }

    /// The pods that have a group, by uid.
    pub fn pods(&self) -> BTreeSet<String> {
        let names = self
            .parents()
            .flat_map(|parent| self.hierarchies.children(&parent));
        names
            .filter_map(|name| name.strip_prefix("pod").map(str::to_owned))
            .collect()
    }

    fn parents(&self) -> impl Iterator<Item = String> {
        let classes = [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort];
        classes.into_iter().map(|class| class_parent(&self.parent, class))
    }

    fn make(&self, path: &str, limits: &Limits) -> Result<(), CgroupError> {
        self.hierarchies.make(path)?;
        self.hierarchies.limit(path, limits)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::container::settings::NodeResources;
    use crate::testing::{Node, cgroup_parent};

    fn pod(resources: Value) -> PodToRun {
        let object = json!({ "metadata": { "uid": "1-2" }, "spec": { "containers": [{ "name": "c", "resources": resources }] } });
        PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()))
    }

    #[test]
    fn each_class_has_its_place() {
        let path = |resources| pod_cgroup(&pod(resources), "/kubepods");
        assert_eq!(path(json!({})), "/kubepods/besteffort/pod1-2");
        assert_eq!(
            path(json!({ "requests": { "cpu": "1" } })),
            "/kubepods/burstable/pod1-2"
        );
        assert_eq!(
            path(json!({ "limits": { "cpu": "1", "memory": "1Gi" } })),
            "/kubepods/pod1-2"
        );
    }

    #[test]
    fn groups_come_and_go() {
        Node::run("container::cgroups::tests::groups_come_and_go", async |_| {
            let node = NodeSettings {
                cgroup_parent: cgroup_parent(),
                allocatable: NodeResources {
                    cpu_milli: 2000,
                    memory_bytes: 1 << 30,
                    ..NodeResources::default()
                },
                pod_pids_limit: Some(100),
                ..NodeSettings::default()
            };
            let cgroups = Cgroups::detect(&node);
            cgroups.prepare_node(&node).unwrap();
            let pod = pod(json!({ "limits": { "cpu": "500m", "memory": "64Mi" } }));
            cgroups.prepare_pod(&pod).unwrap();
            cgroups.prepare_pod(&pod).unwrap();
            cgroups.share(std::slice::from_ref(&pod)).unwrap();
            assert_eq!(cgroups.pods(), BTreeSet::from(["1-2".to_owned()]));

            let group = pod_cgroup(&pod, &node.cgroup_parent);
            let read = |hierarchy: &str, file: &str| {
                let path = node.cgroup_mount.join(hierarchy).join(&group[1..]).join(file);
                std::fs::read_to_string(path).map(|text| text.trim().to_owned())
            };
            // Of the machine's hierarchies, of one kind or the other.
            let memory = read("memory", "memory.limit_in_bytes").or_else(|_| read("", "memory.max"));
            assert_eq!(memory.unwrap(), (64 << 20).to_string());
            let pids = read("pids", "pids.max").or_else(|_| read("", "pids.max"));
            assert_eq!(pids.unwrap(), "100");
            cgroups.remove_pod("1-2").unwrap();
            cgroups.remove_pod("1-2").unwrap();
            assert!(cgroups.pods().is_empty());
        });
    }
}
