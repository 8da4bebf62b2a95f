//! A pod as the scheduler sees it: what it asks for, read once.

use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{Affinity, ContainerPort, Toleration, TopologySpreadConstraint};
use client::lean::{Labels, Pod, PodSpec};

use crate::plugins::inter_pod_affinity::Terms;
use crate::resources::{self, Resources};

/// A pod with what the plugins read of it.
#[derive(Debug)]
pub(crate) struct PodInfo {
    pub(crate) pod: Arc<Pod>,
    pub(crate) requests: Resources,
    pub(crate) scored_requests: Resources,
    pub(crate) affinity: Terms,
    pub(crate) host_ports: Vec<HostPort>,
}

/// A port that a pod occupies on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) address: String,
    pub(crate) protocol: String,
    pub(crate) port: i32,
}

static NO_LABELS: std::sync::LazyLock<Labels> = std::sync::LazyLock::new(Labels::default);
static NO_SPEC: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);

impl PodInfo {
    pub(crate) fn new(pod: Arc<Pod>) -> Self {
        let spec = pod.spec.as_ref().unwrap_or(&NO_SPEC);
        Self {
            requests: resources::requests(spec),
            scored_requests: resources::scored_requests(spec),
            affinity: Terms::of(&pod),
            host_ports: host_ports(spec),
            pod,
        }
    }

    pub(crate) fn spec(&self) -> &PodSpec {
        self.pod.spec.as_ref().unwrap_or(&NO_SPEC)
    }

    pub(crate) fn uid(&self) -> &str {
        self.pod.metadata.uid.as_deref().unwrap_or("")
    }

    pub(crate) fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or("")
    }

    pub(crate) fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or("")
    }

    pub(crate) fn labels(&self) -> &Labels {
        self.pod.metadata.labels.as_deref().unwrap_or(&NO_LABELS)
    }

    pub(crate) fn priority(&self) -> i32 {
        self.spec().priority.unwrap_or(0)
    }

    pub(crate) fn is_terminating(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub(crate) fn affinity_spec(&self) -> Option<&Affinity> {
        self.spec().affinity.as_ref()
    }

    pub(crate) fn tolerations(&self) -> &[Toleration] {
        self.spec().tolerations.as_deref().unwrap_or_default()
    }

    pub(crate) fn spread_constraints(&self) -> &[TopologySpreadConstraint] {
        self.spec()
            .topology_spread_constraints
            .as_deref()
            .unwrap_or_default()
    }

    /// The node it was promised while lower ones make room.
    pub(crate) fn nominated_node(&self) -> Option<&str> {
        nominated_node(&self.pod)
    }
}

/// The node a pod was promised.
pub(crate) fn nominated_node(pod: &Pod) -> Option<&str> {
    pod.status
        .as_ref()?
        .nominated_node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// The node a pod is on.
pub(crate) fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec
        .as_ref()?
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// Whether a pod has run to its end and holds nothing any more.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(
        pod.status.as_ref().and_then(|status| status.phase.as_deref()),
        Some("Succeeded" | "Failed")
    )
}

fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten());
    ports.filter_map(host_port).collect()
}

fn host_port(port: &ContainerPort) -> Option<HostPort> {
    let number = port.host_port.filter(|number| *number > 0)?;
    let text = |value: &Option<String>, default: &str| match value.as_deref() {
        None | Some("") => default.to_owned(),
        Some(value) => value.to_owned(),
    };
    Some(HostPort {
        address: text(&port.host_ip, "0.0.0.0"),
        protocol: text(&port.protocol, "TCP"),
        port: number,
    })
}

impl HostPort {
    /// Whether both cannot be open on one node. An address that means all conflicts with each.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        let everywhere = |port: &Self| port.address == "0.0.0.0" || port.address == "::";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == other.address || everywhere(self) || everywhere(other))
    }
}
