//! From a Service and its EndpointSlices to the rules it needs.
//!
//! Chains of a port, where `…` is `namespace/name/protocol/port`:
//!
//! | chain | what it does |
//! |---|---|
//! | `svc/…` | picks one of all endpoints |
//! | `loc/…` | picks one of this node's endpoints |
//! | `ext/…` | what comes in by NodePort, external address or load balancer |
//! | `fw/…` | drops what may not use the load balancer |
//! | `ep/…/address/port` | sends to one endpoint |

mod base;
mod port;
#[cfg(test)]
mod tests;
mod unit;

use std::net::IpAddr;
use std::sync::Arc;

use client::lean::{EndpointSlice, Service, ServiceKey, ServicePort};
use ipnet::IpNet;

use crate::config::Config;
use crate::endpoints::{Place, choose, count_local};
use crate::family::Family;

pub(crate) use base::base;
pub(crate) use port::{MARK_FOR_MASQUERADE, REJECT};
pub(crate) use unit::{ElementKey, Front, HealthCheck, Map, Named, Unit};

/// The session affinity's length if the Service does not say: three hours.
const DEFAULT_AFFINITY_SECONDS: u32 = 10800;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// As the API writes it; TCP if it does not say.
    pub(crate) fn of(text: &str) -> Option<Self> {
        match text {
            "" | "TCP" => Some(Self::Tcp),
            "UDP" => Some(Self::Udp),
            "SCTP" => Some(Self::Sctp),
            _ => None,
        }
    }

    /// As nft writes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// Plans the rules of a Service. One that is gone, headless or only a name needs none.
pub(crate) fn plan(
    key: &ServiceKey,
    service: &Service,
    slices: &[Arc<EndpointSlice>],
    config: &Config,
    zone: Option<&str>,
) -> Unit {
    let mut unit = Unit::default();
    let spec = &service.spec;
    if spec.service_type == "ExternalName" || matches!(spec.cluster_ip.as_str(), "" | "None") {
        return unit;
    }
    let place = Place {
        node: &config.node_name,
        zone,
    };
    for family in config.families() {
        let addresses = Addresses::of(service, family);
        for address in &addresses.cluster {
            unit.element(family, Map::ClusterIps, address.to_string(), "");
        }
        for port in spec.ports.iter().filter(|port| port.port != 0) {
            let Some(protocol) = Protocol::of(&port.protocol) else {
                continue;
            };
            let chosen = choose(slices, family, &port.name, protocol, place);
            port::PortPlan {
                stem: stem(key, protocol, port),
                family,
                protocol,
                port,
                addresses: &addresses,
                policy: Policy::of(service),
                chosen,
                config,
            }
            .add_to(&mut unit);
        }
    }
    unit.health = health_check(service, slices, &config.node_name);
    unit
}

fn stem(key: &ServiceKey, protocol: Protocol, port: &ServicePort) -> String {
    format!("{key}/{}/{}", protocol.word(), port.port)
}

fn health_check(service: &Service, slices: &[Arc<EndpointSlice>], node: &str) -> Option<HealthCheck> {
    let spec = &service.spec;
    let wanted = spec.service_type == "LoadBalancer"
        && spec.external_traffic_policy == "Local"
        && spec.health_check_node_port != 0;
    wanted.then(|| HealthCheck {
        port: spec.health_check_node_port,
        local_endpoints: count_local(slices, node),
    })
}

/// The addresses of a Service in one family.
struct Addresses {
    cluster: Vec<IpAddr>,
    external: Vec<IpAddr>,
    load_balancer: Vec<IpAddr>,
}

impl Addresses {
    fn of(service: &Service, family: Family) -> Self {
        let spec = &service.spec;
        let cluster_ips = match spec.cluster_ips.as_slice() {
            [] => std::slice::from_ref(&spec.cluster_ip),
            several => several,
        };
        // A load balancer that proxies hands on to NodePorts itself; its address must not be short-cut.
        let ingress = service
            .status
            .load_balancer
            .ingress
            .iter()
            .filter(|ingress| spec.service_type == "LoadBalancer" && ingress.ip_mode != "Proxy")
            .map(|ingress| &ingress.ip);
        Self {
            cluster: parse(cluster_ips, family),
            external: parse(&spec.external_ips, family),
            load_balancer: parse(ingress, family),
        }
    }
}

fn parse<'a>(texts: impl IntoIterator<Item = &'a String>, family: Family) -> Vec<IpAddr> {
    texts
        .into_iter()
        .filter_map(|text| text.parse().ok())
        .filter(|&address| Family::of(address) == family)
        .collect()
}

/// How a Service wants its traffic treated.
struct Policy {
    internal_local: bool,
    external_local: bool,
    affinity_seconds: Option<u32>,
    source_ranges: Vec<IpNet>,
}

impl Policy {
    fn of(service: &Service) -> Self {
        let spec = &service.spec;
        let has_affinity = spec.session_affinity == "ClientIP";
        let seconds = spec.session_affinity_config.client_ip.timeout_seconds;
        Self {
            internal_local: spec.internal_traffic_policy == "Local",
            external_local: spec.external_traffic_policy == "Local",
            affinity_seconds: has_affinity.then(|| seconds.unwrap_or(DEFAULT_AFFINITY_SECONDS).max(1)),
            source_ranges: spec
                .load_balancer_source_ranges
                .iter()
                .filter_map(|range| range.trim().parse().ok())
                .collect(),
        }
    }
}
