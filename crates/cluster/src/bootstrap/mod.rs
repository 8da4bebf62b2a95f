//! The objects that every cluster has from its first moment, as Kubernetes 1.36 makes them.

mod aggregate;
mod api_services;
mod flow_control;
mod history;
mod join;
mod roles;
mod system;

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use meta::GroupVersionResource;
use serde_json::Value;

pub use aggregate::aggregated_rules;
pub use join::cluster_info;

use crate::reconcile::Policy;
use crate::shared::Shared;
use crate::token::BootstrapToken;

/// What the objects of a cluster depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Service ranges, as given: `10.43.0.0/16`.
    pub service_cidrs: Vec<String>,
    /// The address of the `kubernetes` Service, first of the first service range.
    pub service_address: IpAddr,
    /// What every node must know.
    pub shared: Shared,
    /// Where other machines reach the API servers; loopback addresses make no endpoints. Empty if somebody else keeps the
    /// list.
    pub masters: Vec<SocketAddr>,
    /// On which port the API is served.
    pub port: u16,
    /// PEM of the authority that signs clients.
    pub client_authority: String,
    /// PEM of the authority that signs front proxies.
    pub front_proxy_authority: String,
    /// The token with which nodes join, beside those made later. None if nodes do not join.
    pub join_token: Option<BootstrapToken>,
    /// Now.
    pub now: Timestamp,
}

/// An object that should be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its resource.
    pub resource: GroupVersionResource,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What to do if it is there already.
    pub policy: Policy,
    /// The object, without status.
    pub object: Value,
    /// Its status, for objects whose controller is the API server itself.
    pub status: Option<Value>,
}

impl Wanted {
    pub(crate) fn new(resource: GroupVersionResource, policy: Policy, object: Value) -> Self {
        Self {
            namespace: meta::object::namespace(&object).to_owned(),
            name: meta::object::name(&object).to_owned(),
            resource,
            policy,
            object,
            status: None,
        }
    }

    fn with_status(mut self, status: Value) -> Self {
        self.status = Some(status);
        self
    }
}

/// Everything a cluster starts with, in two steps: namespaces, then what lies in them and beside them.
pub fn wanted(settings: &Settings) -> [Vec<Wanted>; 2] {
    let mut rest = roles::all();
    rest.extend(system::priority_classes());
    rest.extend(flow_control::all());
    rest.extend(api_services::all());
    rest.extend(system::services(settings));
    rest.extend(system::config_maps(settings));
    rest.extend(join::all(settings));
    rest.extend(history::all());
    [system::namespaces(), rest]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings() -> Settings {
        Settings {
            service_cidrs: vec![String::from("10.43.0.0/16")],
            service_address: "10.43.0.1".parse().expect("an address"),
            shared: Shared {
                cluster_cidr: "10.42.0.0/16".parse().expect("a range"),
                service_cidr: "10.43.0.0/16".parse().expect("a range"),
                cluster_dns: "10.43.0.10".parse().expect("an address"),
                cluster_domain: String::from("cluster.local"),
            },
            masters: vec!["192.0.2.1:6443".parse().expect("an address")],
            port: 6443,
            client_authority: String::from("A"),
            front_proxy_authority: String::from("F"),
            join_token: BootstrapToken::parse("abcdef.0123456789abcdef"),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_number_of_objects_is_upstreams_and_none_comes_twice() {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut keys = Vec::new();
        for wanted in wanted(&settings()).into_iter().flatten() {
            let key = (wanted.resource.to_string(), wanted.namespace, wanted.name);
            assert!(!keys.contains(&key), "{key:?} comes twice");
            if wanted.policy == Policy::Retired {
                continue;
            }
            *counts.entry(wanted.resource.resource.to_string()).or_default() += 1;
            keys.push(key);
        }
        let counts: Vec<(&str, usize)> = counts.iter().map(|(kind, &n)| (kind.as_str(), n)).collect();
        assert_eq!(
            counts,
            [
                ("apiservices", 21),
                // The rest are for nodes, and one for whoever asks for the history of objects.
                ("clusterrolebindings", 50 + 6),
                ("clusterroles", 69 + 4),
                // Nodes read one of them, machines that join another.
                ("configmaps", 2 + 2),
                ("endpoints", 1),
                ("endpointslices", 1),
                ("flowschemas", 11),
                ("namespaces", 4),
                ("priorityclasses", 2),
                ("prioritylevelconfigurations", 8),
                ("rolebindings", 7 + 2),
                ("roles", 7 + 2),
                ("secrets", 1),
                ("servicecidrs", 1),
                // `kubernetes`, and cluster DNS, which upstream leaves to an add-on.
                ("services", 1 + 1),
            ]
        );
    }
}
