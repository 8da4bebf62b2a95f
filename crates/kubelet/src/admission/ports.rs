//! Whether the ports of the node that a pod asks for are free.

use k8s_openapi::api::core::v1::PodSpec;

use super::{AdmissionInput, failed_check};
use crate::status::PodVerdict;

struct HostPort<'a> {
    ip: &'a str,
    protocol: &'a str,
    number: i32,
}

pub fn refusal(input: AdmissionInput<'_>) -> Option<PodVerdict> {
    let wanted = host_ports(input.pod.spec());
    let taken: Vec<HostPort<'_>> = input
        .others
        .iter()
        .filter_map(|other| other.spec.as_ref())
        .flat_map(host_ports)
        .collect();
    let collides = wanted
        .iter()
        .any(|wanted| taken.iter().any(|taken| wanted.collides(taken)));
    collides.then(|| {
        failed_check(
            "NodePorts",
            "node(s) didn't have free ports for the requested pod ports",
        )
    })
}

/// The ports of the containers that stay: main ones and sidecars.
fn host_ports(spec: &PodSpec) -> Vec<HostPort<'_>> {
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let ports = spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten());
    let host_port =
        |port: &'_ k8s_openapi::api::core::v1::ContainerPort| port.host_port.filter(|number| *number > 0);
    ports
        .filter_map(|port| {
            Some(HostPort {
                ip: port
                    .host_ip
                    .as_deref()
                    .filter(|ip| !ip.is_empty())
                    .unwrap_or("0.0.0.0"),
                protocol: port.protocol.as_deref().unwrap_or("TCP"),
                number: host_port(port)?,
            })
        })
        .collect()
}

impl HostPort<'_> {
    fn collides(&self, other: &Self) -> bool {
        let everywhere = |port: &Self| matches!(port.ip, "0.0.0.0" | "::");
        self.number == other.number
            && self.protocol == other.protocol
            && (self.ip == other.ip || everywhere(self) || everywhere(other))
    }
}
