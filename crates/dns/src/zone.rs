//! The Services and endpoints that names lead to, and whose addresses are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use client::ObjectMetadata;
use client::lean::{EndpointSlice, Service, ServiceKey};

/// The Services and endpoints that names lead to.
#[derive(Default)]
pub(crate) struct Zone {
    services: BTreeMap<ServiceKey, Arc<ServiceEntry>>,
    /// By Service, then by the slice's name.
    slices: HashMap<ServiceKey, BTreeMap<String, Arc<EndpointSlice>>>,
    /// Whose ClusterIP an address is.
    by_cluster_ip: HashMap<IpAddr, BTreeSet<ServiceKey>>,
    /// Which Services have an endpoint of that address.
    by_endpoint: HashMap<IpAddr, BTreeSet<ServiceKey>>,
}

/// A Service, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceEntry {
    pub(crate) target: Target,
    pub(crate) ports: Vec<Port>,
}

/// Where a Service's name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To its ClusterIPs.
    Addresses(Vec<IpAddr>),
    /// To its endpoints.
    Headless,
    /// To another name.
    Name(String),
}

/// A port with its name and protocol, as a name of SRV records has them: in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) protocol: String,
    pub(crate) port: u16,
}

/// An endpoint that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// Its name below its Service's: its hostname, or its address with dashes.
    pub(crate) label: String,
    pub(crate) address: IpAddr,
    pub(crate) ports: Vec<Port>,
}

impl ServiceEntry {
    fn of(service: &Service) -> Self {
        let spec = &service.spec;
        let target = match spec.cluster_ip.as_str() {
            _ if spec.service_type == "ExternalName" => Target::Name(spec.external_name.clone()),
            "None" => Target::Headless,
            _ => Target::Addresses(cluster_ips(service)),
        };
        let ports = spec
            .ports
            .iter()
            .map(|port| Port::new(&port.name, &port.protocol, port.port))
            .collect();
        Self { target, ports }
    }
}

impl Port {
    fn new(name: &str, protocol: &str, port: u16) -> Self {
        let protocol = if protocol.is_empty() { "TCP" } else { protocol };
        Self {
            name: name.to_ascii_lowercase(),
            protocol: protocol.to_ascii_lowercase(),
            port,
        }
    }
}

fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let texts = match service.spec.cluster_ips.as_slice() {
        [] => std::slice::from_ref(&service.spec.cluster_ip),
        several => several,
    };
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The label of an endpoint without a hostname.
pub(crate) fn dashed(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}

/// The address that a label of dashes says.
pub(crate) fn undashed(label: &str) -> Option<IpAddr> {
    let four = || label.replace('-', ".").parse().ok().map(IpAddr::V4);
    let six = || label.replace('-', ":").parse().ok().map(IpAddr::V6);
    four().or_else(six)
}

impl Zone {
    /// Takes a change of a Service.
    pub(crate) fn change_service(&mut self, old: Option<&Service>, new: Option<&Service>) {
        if let Some(old) = old {
            let key = ServiceKey::of(old);
            for address in cluster_ips(old) {
                forget(&mut self.by_cluster_ip, address, &key);
            }
            self.services.remove(&key);
        }
        if let Some(new) = new {
            let key = ServiceKey::of(new);
            let entry = ServiceEntry::of(new);
            if let Target::Addresses(addresses) = &entry.target {
                for &address in addresses {
                    self.by_cluster_ip.entry(address).or_default().insert(key.clone());
                }
            }
            self.services.insert(key, Arc::new(entry));
        }
    }

    /// Takes a change of a slice.
    pub(crate) fn change_slice(
        &mut self,
        old: Option<&Arc<EndpointSlice>>,
        new: Option<&Arc<EndpointSlice>>,
    ) {
        let name = |slice: &Arc<EndpointSlice>| slice.metadata.name().to_owned();
        let of = |slice: &&Arc<EndpointSlice>| slice.service();
        let old_key = old.as_ref().and_then(of);
        let new_key = new.as_ref().and_then(of);
        let keys: BTreeSet<&ServiceKey> = old_key.iter().chain(&new_key).collect();
        for key in &keys {
            for address in self.endpoint_addresses(key) {
                forget(&mut self.by_endpoint, address, key);
            }
        }
        if let (Some(old), Some(key)) = (old, &old_key)
            && let Some(slices) = self.slices.get_mut(key)
        {
            slices.remove(&name(old));
            if slices.is_empty() {
                self.slices.remove(key);
            }
        }
        if let (Some(new), Some(key)) = (new, &new_key) {
            self.slices
                .entry(key.clone())
                .or_default()
                .insert(name(new), new.clone());
        }
        for key in keys {
            for address in self.endpoint_addresses(key) {
                self.by_endpoint.entry(address).or_default().insert(key.clone());
            }
        }
    }

    fn endpoint_addresses(&self, key: &ServiceKey) -> BTreeSet<IpAddr> {
        self.slices
            .get(key)
            .into_iter()
            .flat_map(BTreeMap::values)
            .flat_map(|slice| &slice.endpoints)
            .flat_map(|endpoint| &endpoint.addresses)
            .filter_map(|text| text.parse().ok())
            .collect()
    }

    /// The Service of that name.
    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Arc<ServiceEntry>> {
        self.services.get(key)
    }

    /// Whether a namespace has a Service.
    pub(crate) fn has_namespace(&self, namespace: &str) -> bool {
        let first = ServiceKey {
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let next = self.services.range(first..).next();
        next.is_some_and(|(key, _)| key.namespace == namespace)
    }

    /// The endpoints of a Service that are ready; an endpoint of two slices once.
    pub(crate) fn hosts(&self, key: &ServiceKey) -> Vec<Host> {
        let mut hosts: BTreeMap<(IpAddr, String), Host> = BTreeMap::new();
        for slice in self.slices.get(key).into_iter().flat_map(BTreeMap::values) {
            let ports: Vec<Port> = slice
                .ports
                .iter()
                .filter_map(|port| {
                    let name = port.name.as_deref().unwrap_or("");
                    Some(Port::new(
                        name,
                        port.protocol.as_deref().unwrap_or(""),
                        port.port?,
                    ))
                })
                .collect();
            let ready = slice
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
            for endpoint in ready {
                for address in endpoint.addresses.iter().filter_map(|text| text.parse().ok()) {
                    let label = match endpoint.hostname.as_str() {
                        "" => dashed(address),
                        hostname => hostname.to_ascii_lowercase(),
                    };
                    let host = hosts.entry((address, label.clone())).or_insert_with(|| Host {
                        label,
                        address,
                        ports: Vec::new(),
                    });
                    let more = ports.iter().filter(|port| !host.ports.contains(port));
                    let more: Vec<Port> = more.cloned().collect();
                    host.ports.extend(more);
                }
            }
        }
        hosts.into_values().collect()
    }

    /// The Services whose ClusterIP an address is.
    pub(crate) fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &ServiceKey> {
        self.by_cluster_ip.get(&address).into_iter().flatten()
    }

    /// The headless Services that have an endpoint of that address, with its label.
    pub(crate) fn hosts_at(&self, address: IpAddr) -> Vec<(ServiceKey, String)> {
        let headless = |key: &&ServiceKey| {
            self.services
                .get(*key)
                .is_some_and(|entry| entry.target == Target::Headless)
        };
        let mut found = Vec::new();
        for key in self
            .by_endpoint
            .get(&address)
            .into_iter()
            .flatten()
            .filter(headless)
        {
            let hosts = self.hosts(key).into_iter();
            let here = hosts.filter(|host| host.address == address);
            found.extend(here.map(|host| (key.clone(), host.label)));
        }
        found
    }
}

fn forget(index: &mut HashMap<IpAddr, BTreeSet<ServiceKey>>, address: IpAddr, key: &ServiceKey) {
    if let Some(keys) = index.get_mut(&address) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{service, slice};

    fn key(name: &str) -> ServiceKey {
        ServiceKey {
            namespace: "a".into(),
            name: name.into(),
        }
    }

    #[test]
    fn addresses_are_found_and_forgotten() {
        let mut zone = Zone::default();
        let one = service("one", "10.43.0.1");
        let other = service("one", "10.43.0.2");
        let at = |zone: &Zone, text: &str| {
            zone.services_at(text.parse().unwrap())
                .cloned()
                .collect::<Vec<_>>()
        };
        zone.change_service(None, Some(&one));
        assert_eq!(at(&zone, "10.43.0.1"), [key("one")]);
        zone.change_service(Some(&one), Some(&other));
        assert_eq!(at(&zone, "10.43.0.1"), []);
        assert_eq!(at(&zone, "10.43.0.2"), [key("one")]);
        assert!(zone.has_namespace("a") && !zone.has_namespace("b") && !zone.has_namespace(""));
        zone.change_service(Some(&other), None);
        assert!(zone.by_cluster_ip.is_empty() && !zone.has_namespace("a"));
    }

    #[test]
    fn an_endpoint_of_two_slices_stays_until_both_are_gone() {
        let mut zone = Zone::default();
        zone.change_service(None, Some(&service("db", "None")));
        let first = Arc::new(slice("db-1", "db", &[("10.42.0.2", "db-0")]));
        let second = Arc::new(slice("db-2", "db", &[("10.42.0.2", "db-0"), ("10.42.0.3", "")]));
        zone.change_slice(None, Some(&first));
        zone.change_slice(None, Some(&second));
        assert_eq!(zone.hosts(&key("db")).len(), 2);
        zone.change_slice(Some(&first), None);
        let address = "10.42.0.2".parse().unwrap();
        assert_eq!(zone.hosts_at(address), [(key("db"), "db-0".to_owned())]);
        zone.change_slice(Some(&second), None);
        assert_eq!(zone.hosts_at(address), []);
        assert!(zone.by_endpoint.is_empty() && zone.slices.is_empty());
    }

    #[test]
    fn labels_of_addresses() {
        for (text, label) in [("10.42.0.2", "10-42-0-2"), ("fd00::1", "fd00--1"), ("::1", "--1")] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(dashed(address), label);
            assert_eq!(undashed(label), Some(address));
        }
        assert_eq!(undashed("web"), None);
        assert_eq!(undashed("1-2-3"), None);
    }
}
