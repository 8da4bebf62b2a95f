//! The rules of one port of a Service in one family.

use std::net::{IpAddr, SocketAddr};

use client::lean::ServicePort;
use ipnet::IpNet;

use super::{Addresses, Front, Map, Policy, Protocol, Unit};
use crate::config::Config;
use crate::endpoints::Chosen;
use crate::family::Family;

/// The chain that marks a packet for masquerading.
pub(crate) const MARK_FOR_MASQUERADE: &str = "mark-for-masquerade";
/// The chain that tells the sender that nobody is there.
pub(crate) const REJECT: &str = "reject-all";

pub(super) struct PortPlan<'a> {
    /// `namespace/name/protocol/port`
    pub(super) stem: String,
    pub(super) family: Family,
    pub(super) protocol: Protocol,
    pub(super) port: &'a ServicePort,
    pub(super) addresses: &'a Addresses,
    pub(super) policy: Policy,
    pub(super) chosen: Chosen,
    pub(super) config: &'a Config,
}

impl PortPlan<'_> {
    pub(super) fn add_to(self, unit: &mut Unit) {
        if self.serves_none() {
            return;
        }
        self.add_internal(unit);
        if self.is_exposed() {
            self.add_external(unit);
        }
        self.add_firewall(unit);
        self.add_pickers(unit);
        self.add_endpoints(unit);
        if self.protocol == Protocol::Udp {
            self.add_fronts(unit);
        }
    }

    /// Whether the Service has no address in this family; then a NodePort is not served in it either.
    fn serves_none(&self) -> bool {
        self.addresses.cluster.is_empty()
    }

    fn is_exposed(&self) -> bool {
        self.port.node_port != 0 || self.external_addresses().next().is_some()
    }

    fn external_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let addresses = self.addresses;
        addresses.external.iter().chain(&addresses.load_balancer).copied()
    }

    /// Traffic to the ClusterIP.
    fn add_internal(&self, unit: &mut Unit) {
        let (map, verdict) = if self.chosen.cluster.is_empty() {
            (Map::NoEndpointIps, format!("goto {REJECT}"))
        } else if !self.policy.internal_local {
            (Map::ServiceIps, format!("goto {}", self.name("svc")))
        } else if self.chosen.local.is_empty() {
            (Map::NoEndpointIps, String::from("drop"))
        } else {
            (Map::ServiceIps, format!("goto {}", self.name("loc")))
        };
        for &address in &self.addresses.cluster {
            unit.element(self.family, map, self.address_key(address), verdict.clone());
        }
    }

    /// Traffic to a NodePort, an external address or a load balancer's address.
    fn add_external(&self, unit: &mut Unit) {
        let has_endpoints = !self.chosen.cluster.is_empty();
        let (ips, node_ports, verdict) = if has_endpoints {
            let verdict = format!("goto {}", self.name("ext"));
            (Map::ServiceIps, Map::NodePorts, verdict)
        } else {
            let verdict = format!("goto {REJECT}");
            (Map::NoEndpointIps, Map::NoEndpointNodePorts, verdict)
        };
        for address in self.external_addresses() {
            unit.element(self.family, ips, self.address_key(address), verdict.clone());
        }
        if self.port.node_port != 0 {
            let key = format!("{} . {}", self.protocol.word(), self.port.node_port);
            unit.element(self.family, node_ports, key, verdict);
        }
        if has_endpoints {
            unit.chain(self.family, self.name("ext"), self.external_rules());
        }
    }

    fn external_rules(&self) -> Vec<String> {
        let everywhere = format!("goto {}", self.name("svc"));
        if !self.policy.external_local {
            return vec![format!("jump {MARK_FOR_MASQUERADE}"), everywhere];
        }
        let mut rules = Vec::new();
        // Pods and the node itself are inside: the policy is about clients whose address must be kept.
        if let Some(pods) = self.family.networks(&self.config.cluster_cidr) {
            rules.push(format!("{} saddr {pods} {everywhere}", self.family.word()));
        }
        rules.push(format!("fib saddr type local jump {MARK_FOR_MASQUERADE}"));
        rules.push(format!("fib saddr type local {everywhere}"));
        rules.push(if self.chosen.local.is_empty() {
            String::from("drop")
        } else {
            format!("goto {}", self.name("loc"))
        });
        rules
    }

    fn add_firewall(&self, unit: &mut Unit) {
        if self.policy.source_ranges.is_empty() || self.addresses.load_balancer.is_empty() {
            return;
        }
        // A node reaches a load balancer's address that it has itself from that very address.
        let own = self.addresses.load_balancer.iter().copied().map(IpNet::from);
        let allowed: Vec<IpNet> = self.policy.source_ranges.iter().copied().chain(own).collect();
        let Some(allowed) = self.family.networks(&allowed) else {
            return;
        };
        let rule = format!("{} saddr != {allowed} drop", self.family.word());
        unit.chain(self.family, self.name("fw"), vec![rule]);
        for &address in &self.addresses.load_balancer {
            let verdict = format!("jump {}", self.name("fw"));
            unit.element(self.family, Map::FirewallIps, self.address_key(address), verdict);
        }
    }

    /// The chains that pick an endpoint, those of them that something leads to.
    fn add_pickers(&self, unit: &mut Unit) {
        let chosen = &self.chosen;
        if !chosen.cluster.is_empty() && (!self.policy.internal_local || self.is_exposed()) {
            unit.chain(self.family, self.name("svc"), self.picker_rules(&chosen.cluster));
        }
        let is_used = !chosen.cluster.is_empty()
            && (self.policy.internal_local || self.policy.external_local && self.is_exposed());
        if !chosen.local.is_empty() && is_used {
            unit.chain(self.family, self.name("loc"), self.picker_rules(&chosen.local));
        }
    }

    fn picker_rules(&self, endpoints: &[SocketAddr]) -> Vec<String> {
        let mut rules = self.masquerade_rules();
        if self.policy.affinity_seconds.is_some() {
            rules.extend(endpoints.iter().map(|&endpoint| {
                format!(
                    "{} saddr @{} goto {}",
                    self.family.word(),
                    self.affinity_name(endpoint),
                    self.endpoint_name(endpoint)
                )
            }));
        }
        rules.push(match endpoints {
            [only] => format!("goto {}", self.endpoint_name(*only)),
            several => {
                let verdicts: Vec<String> = several
                    .iter()
                    .enumerate()
                    .map(|(index, &endpoint)| format!("{index} : goto {}", self.endpoint_name(endpoint)))
                    .collect();
                format!(
                    "numgen random mod {} vmap {{ {} }}",
                    several.len(),
                    verdicts.join(", ")
                )
            }
        });
        rules
    }

    /// What comes to the ClusterIP from outside the pods' network must go back through this node.
    fn masquerade_rules(&self) -> Vec<String> {
        let word = self.family.word();
        let from = match self.family.networks(&self.config.cluster_cidr) {
            _ if self.config.masquerade_all => String::new(),
            Some(pods) => format!("{word} saddr != {pods} "),
            None => return Vec::new(),
        };
        let to_cluster_ip =
            |address: &IpAddr| format!("{word} daddr {address} {from}jump {MARK_FOR_MASQUERADE}");
        self.addresses.cluster.iter().map(to_cluster_ip).collect()
    }

    fn add_endpoints(&self, unit: &mut Unit) {
        let leads_to_local = unit.chains.contains_key(&(self.family, self.name("loc")));
        let leads_to_all = unit.chains.contains_key(&(self.family, self.name("svc")));
        let local = self.chosen.local.iter().filter(|_| leads_to_local);
        let cluster = self.chosen.cluster.iter().filter(|_| leads_to_all);
        for &endpoint in local.chain(cluster) {
            unit.chain(
                self.family,
                self.endpoint_name(endpoint),
                self.endpoint_rules(endpoint),
            );
            if let Some(seconds) = self.policy.affinity_seconds {
                unit.sets
                    .insert((self.family, self.affinity_name(endpoint)), seconds);
            }
        }
    }

    fn endpoint_rules(&self, endpoint: SocketAddr) -> Vec<String> {
        let word = self.family.word();
        // An endpoint that reaches itself must see the answer come from the Service.
        let mut rules = vec![format!(
            "{word} saddr {} jump {MARK_FOR_MASQUERADE}",
            endpoint.ip()
        )];
        if self.policy.affinity_seconds.is_some() {
            rules.push(format!(
                "update @{} {{ {word} saddr }}",
                self.affinity_name(endpoint)
            ));
        }
        rules.push(format!(
            "meta l4proto {} dnat to {endpoint}",
            self.protocol.word()
        ));
        rules
    }

    fn add_fronts(&self, unit: &mut Unit) {
        let endpoints = || self.chosen.cluster.iter().chain(&self.chosen.local).copied();
        let addresses = self.addresses.cluster.iter().copied();
        for address in addresses.chain(self.external_addresses()) {
            let front = Front::Address(SocketAddr::new(address, self.port.port));
            unit.udp.entry(front).or_default().extend(endpoints());
        }
        if self.port.node_port != 0 {
            let front = Front::NodePort(self.port.node_port);
            unit.udp.entry(front).or_default().extend(endpoints());
        }
    }

    fn name(&self, role: &str) -> String {
        format!("{role}/{}", self.stem)
    }

    fn address_key(&self, address: IpAddr) -> String {
        format!("{address} . {} . {}", self.protocol.word(), self.port.port)
    }

    fn endpoint_name(&self, endpoint: SocketAddr) -> String {
        format!("ep/{}/{}", self.stem, plain(endpoint))
    }

    /// The length is in the name, so that a set with another length is another set.
    fn affinity_name(&self, endpoint: SocketAddr) -> String {
        let seconds = self.policy.affinity_seconds.unwrap_or_default();
        format!("aff-{seconds}/{}/{}", self.stem, plain(endpoint))
    }
}

/// Names cannot hold colons; no address has a dot where another has a colon, for a table is of one family.
fn plain(endpoint: SocketAddr) -> String {
    format!(
        "{}/{}",
        endpoint.ip().to_string().replace(':', "."),
        endpoint.port()
    )
}
