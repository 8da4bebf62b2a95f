//! A pod's sandbox: names, network, namespaces and the folder of its logs.

use k8s_openapi::api::core::v1::{Container, ContainerPort};

use crate::cri::message::{
    LinuxContainerResources, LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PortMapping,
    Protocol, StringMap,
};
use crate::pod::resources::{Amounts, Claims};
use crate::pod::{Member, PodLabels, PodToRun, Role};

use super::error::ConfigError;
use super::resources::{CPU_PERIOD, cpu_quota, cpu_shares};
use super::settings::NodeSettings;
use super::{cgroups, dns, hostname, security, sysctl};

/// What the runtime is told to make a pod's sandbox. Reads the node's resolver configuration.
pub fn sandbox_config(
    pod: &PodToRun,
    node: &NodeSettings,
    attempt: u32,
) -> Result<PodSandboxConfig, ConfigError> {
    if let Some(problem) = refused(pod) {
        return Err(ConfigError::sandbox(problem));
    }
    let host = dns::read_host(node)
        .map_err(|error| ConfigError::sandbox(format!("open {}: {error}", node.resolv_conf.display())))?;
    let logs = node.pod_log_dir(pod.namespace(), pod.name(), pod.uid());
    Ok(PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: pod.name().to_owned(),
            uid: pod.uid().to_owned(),
            namespace: pod.namespace().to_owned(),
            attempt,
        }),
        hostname: match pod.is_host_network() {
            // The node's own name stays.
            true => String::new(),
            false => hostname::hostname(pod, &node.cluster_domain)?.kernel,
        },
        log_directory: logs.to_string_lossy().into_owned(),
        dns_config: Some(dns::config(pod, node, host)),
        port_mappings: port_mappings(pod),
        labels: labels(pod),
        annotations: pod.object().metadata.annotations.clone().unwrap_or_default(),
        linux: Some(linux(pod, node)),
    })
}

/// What would be ignored by the runtime, and must not be.
fn refused(pod: &PodToRun) -> Option<String> {
    let context = pod.spec().security_context.as_ref();
    if pod.spec().host_users == Some(false) {
        let problem =
            "can't set `spec.hostUsers: false`, the container runtime does not support user namespaces";
        return Some(problem.to_owned());
    }
    let policy = context.and_then(|context| context.supplemental_groups_policy.as_deref());
    if policy == Some("Strict") {
        return Some("SupplementalGroupsPolicy=Strict is not supported in this node".to_owned());
    }
    sysctl::forbidden(pod)
}

fn labels(pod: &PodToRun) -> StringMap {
    let mut labels = pod.object().metadata.labels.clone().unwrap_or_default();
    let own = PodLabels {
        namespace: pod.namespace().to_owned(),
        name: pod.name().to_owned(),
        uid: pod.uid().to_owned(),
    };
    labels.extend(own.write());
    labels
}

fn port_mappings(pod: &PodToRun) -> Vec<PortMapping> {
    if pod.is_host_network() {
        return Vec::new();
    }
    let stays = |member: &&Member| matches!(member.role, Role::Main | Role::Sidecar);
    let ports = pod
        .members()
        .iter()
        .filter(stays)
        .flat_map(|member| ports(&member.container));
    ports.filter_map(port_mapping).collect()
}

fn ports(container: &Container) -> impl Iterator<Item = &ContainerPort> {
    container.ports.iter().flatten()
}

fn port_mapping(port: &ContainerPort) -> Option<PortMapping> {
    let host_port = port.host_port.filter(|port| *port > 0)?;
    let protocol = match port.protocol.as_deref() {
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    Some(PortMapping {
        protocol: protocol as i32,
        container_port: port.container_port,
        host_port,
        host_ip: port.host_ip.clone().unwrap_or_default(),
    })
}

fn linux(pod: &PodToRun, node: &NodeSettings) -> LinuxPodSandboxConfig {
    let context = pod.spec().security_context.as_ref();
    let sysctls = context
        .and_then(|context| context.sysctls.as_ref())
        .into_iter()
        .flatten();
    let overhead = Amounts::read(pod.spec().overhead.as_ref());
    LinuxPodSandboxConfig {
        cgroup_parent: cgroups::pod_cgroup(pod, &node.cgroup_parent),
        security_context: Some(security::of_sandbox(pod)),
        // Both spellings mean the same; the runtime knows the one with dots.
        sysctls: sysctls
            .map(|sysctl| (sysctl.name.replace('/', "."), sysctl.value.clone()))
            .collect(),
        overhead: Some(amounts(overhead, overhead)),
        resources: Some(containers_together(pod)),
    }
}

/// What the pod's containers may use, without what the sandbox itself takes.
fn containers_together(pod: &PodToRun) -> LinuxContainerResources {
    let mut spec = pod.spec().clone();
    spec.overhead = None;
    let claims = Claims::of_pod(&spec);
    amounts(claims.requests, claims.limits)
}

fn amounts(requests: Amounts, limits: Amounts) -> LinuxContainerResources {
    let mut resources = LinuxContainerResources {
        cpu_shares: requests.cpu_milli.map_or(0, cpu_shares),
        memory_limit_in_bytes: limits.memory_bytes.unwrap_or(0),
        ..LinuxContainerResources::default()
    };
    if let Some(milli) = limits.cpu_milli.filter(|milli| *milli > 0) {
        resources.cpu_period = CPU_PERIOD;
        resources.cpu_quota = cpu_quota(milli);
    }
    resources
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::pod::label;

    fn config(spec: Value) -> PodSandboxConfig {
        let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u", "labels": { "a": "b" },
            "annotations": { "x": "y" } }, "spec": spec });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
        sandbox_config(&pod, &NodeSettings::default(), 2).unwrap()
    }

    #[test]
    fn names_labels_and_folders() {
        let found = config(json!({ "containers": [{ "name": "c" }] }));
        assert_eq!(found.hostname, "p");
        assert_eq!(found.log_directory, "/var/log/pods/ns_p_u");
        assert_eq!(found.metadata.unwrap().attempt, 2);
        assert_eq!(found.labels["a"], "b");
        assert_eq!(found.labels[label::POD_UID], "u");
        assert_eq!(found.annotations["x"], "y");
        assert_eq!(found.linux.unwrap().cgroup_parent, "/kubepods/besteffort/podu");
    }

    #[test]
    fn user_namespaces_are_refused() {
        let spec = json!({ "hostUsers": false, "containers": [] });
        let pod = PodToRun::new(Arc::new(
            serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap(),
        ));
        assert!(sandbox_config(&pod, &NodeSettings::default(), 0).is_err());
    }

    #[test]
    fn ports_of_the_node_lead_to_the_pod() {
        let ports = json!([{ "containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1" }, { "containerPort": 81 },
            { "containerPort": 53, "hostPort": 53, "protocol": "UDP" }]);
        let found = config(json!({ "containers": [{ "name": "c", "ports": ports }] })).port_mappings;
        let found: Vec<_> = found
            .iter()
            .map(|m| (m.protocol(), m.container_port, m.host_port, m.host_ip.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (Protocol::Tcp, 80, 8080, "127.0.0.1"),
                (Protocol::Udp, 53, 53, "")
            ]
        );
        let of_node = config(json!({ "hostNetwork": true, "containers": [{ "name": "c", "ports": ports }] }));
        assert!(of_node.port_mappings.is_empty() && of_node.hostname.is_empty());
    }

    #[test]
    fn kernel_settings_and_limits() {
        let found = config(json!({
            "securityContext": { "sysctls": [{ "name": "net/ipv4/ip_local_port_range", "value": "1 2" }] },
            "overhead": { "cpu": "100m" },
            "containers": [{ "name": "c", "resources": { "limits": { "cpu": "1", "memory": "1Gi" } } }],
        }))
        .linux
        .unwrap();
        assert_eq!(found.sysctls["net.ipv4.ip_local_port_range"], "1 2");
        assert_eq!(found.overhead.unwrap().cpu_quota, 10_000);
        let resources = found.resources.unwrap();
        assert_eq!(
            (resources.cpu_quota, resources.memory_limit_in_bytes),
            (100_000, 1 << 30)
        );
        assert_eq!(found.cgroup_parent, "/kubepods/podu");
    }
}
