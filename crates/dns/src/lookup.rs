//! What the cluster's names lead to, after version 1.1.0 of the Kubernetes DNS specification.

use std::net::IpAddr;

use client::lean::ServiceKey;
use hickory_proto::rr::rdata::{CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use ipnet::IpNet;

use crate::zone::{Host, Port, ServiceEntry, Target, Zone, undashed};

/// The version of the specification.
const VERSION: &str = "1.1.0";
/// Seconds that "there is no such thing" may be kept: what is not there now may come at any moment.
const NEGATIVE_TTL_SECONDS: u32 = 5;
/// What the weights of the SRV records of a name add up to.
const TOTAL_WEIGHT: u16 = 100;

/// What a name leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// To these.
    Records {
        /// What was asked for.
        answers: Vec<Record>,
        /// What saves the next question.
        additionals: Vec<Record>,
    },
    /// To another name; the record says so.
    Alias { record: Record, target: Name },
    /// It is there, but has nothing of that type. The record is the zone's SOA.
    NoData(Record),
    /// It is not there.
    NoName(Record),
}

/// Looks names up.
pub(crate) struct Lookup<'a> {
    pub(crate) zone: &'a Zone,
    /// The cluster's domain.
    pub(crate) origin: &'a Name,
    pub(crate) ttl: u32,
    /// The version of the zone, as its SOA says it.
    pub(crate) serial: u32,
    /// Networks whose addresses only the cluster knows.
    pub(crate) own_networks: &'a [IpNet],
    /// Where this server is reached.
    pub(crate) service_addresses: &'a [IpAddr],
}

/// What there is below a name, before a type is picked.
enum Node {
    /// Nothing, and nothing below it either.
    None,
    /// Nothing itself.
    Empty,
    Alias(String),
    Addresses(Vec<IpAddr>),
    /// A name of SRV records.
    Ports(Vec<Destination>),
    /// A Service: its addresses, and all its ports.
    Service(Vec<IpAddr>, Vec<Destination>),
    Version,
    Origin,
}

/// What one SRV record says.
struct Destination {
    port: u16,
    target: Name,
    address: Vec<IpAddr>,
}

impl Lookup<'_> {
    /// What a name leads to; none if it is not one of the cluster's.
    pub(crate) fn find(&self, name: &Name, record_type: RecordType) -> Option<Found> {
        if self.origin.zone_of(name) {
            let node = self.node(name);
            return Some(self.pick(name, record_type, node));
        }
        self.find_reverse(name, record_type)
    }

    fn node(&self, name: &Name) -> Node {
        let count = name.iter().len() - self.origin.iter().len();
        let labels: Option<Vec<String>> = name
            .iter()
            .take(count)
            .map(|label| Some(std::str::from_utf8(label).ok()?.to_ascii_lowercase()))
            .collect();
        let Some(labels) = labels else {
            return Node::None;
        };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        match labels.as_slice() {
            [] => Node::Origin,
            ["dns-version"] => Node::Version,
            ["dns"] | ["svc"] | ["pod"] => Node::Empty,
            ["ns", "dns"] => Node::Addresses(self.service_addresses.to_vec()),
            [namespace, "svc" | "pod"] => empty_if(self.zone.has_namespace(namespace)),
            [address, _, "pod"] => {
                undashed(address).map_or(Node::None, |address| Node::Addresses(vec![address]))
            }
            [rest @ .., service, namespace, "svc"] => {
                let key = ServiceKey {
                    namespace: (*namespace).to_owned(),
                    name: (*service).to_owned(),
                };
                match self.zone.service(&key) {
                    Some(entry) => self.below_service(rest, &key, entry),
                    None => Node::None,
                }
            }
            _ => Node::None,
        }
    }

    fn below_service(&self, labels: &[&str], key: &ServiceKey, entry: &ServiceEntry) -> Node {
        match labels {
            [] => self.service(key, entry),
            [protocol] if protocol.starts_with('_') => {
                let all = self.destinations(key, entry);
                empty_if(all.iter().any(|(port, _)| port.protocol == protocol[1..]))
            }
            [label] => {
                let hosts = self.zone.hosts(key);
                let named = hosts.iter().filter(|host| host.label == *label);
                let addresses: Vec<IpAddr> = named.map(|host| host.address).collect();
                if addresses.is_empty() {
                    Node::None
                } else {
                    Node::Addresses(addresses)
                }
            }
            [port, protocol] => {
                let (Some(name), Some(protocol)) = (port.strip_prefix('_'), protocol.strip_prefix('_'))
                else {
                    return Node::None;
                };
                let found: Vec<Destination> = self
                    .destinations(key, entry)
                    .into_iter()
                    .filter(|(port, _)| port.name == name && port.protocol == protocol)
                    .map(|(_, destination)| destination)
                    .collect();
                if found.is_empty() {
                    Node::None
                } else {
                    Node::Ports(found)
                }
            }
            _ => Node::None,
        }
    }

    fn service(&self, key: &ServiceKey, entry: &ServiceEntry) -> Node {
        let addresses = match &entry.target {
            // A name that is an address needs no further question.
            Target::Name(name) => match name.parse() {
                Ok(address) => vec![address],
                Err(_) => return Node::Alias(name.clone()),
            },
            Target::Addresses(addresses) => addresses.clone(),
            Target::Headless => self.zone.hosts(key).iter().map(|host| host.address).collect(),
        };
        let destinations = self.destinations(key, entry).into_iter();
        Node::Service(
            addresses,
            destinations.map(|(_, destination)| destination).collect(),
        )
    }

    /// The ports of a Service and where they are: at its own name, or at the names of its endpoints.
    fn destinations(&self, key: &ServiceKey, entry: &ServiceEntry) -> Vec<(Port, Destination)> {
        let Some(name) = self.service_name(key) else {
            return Vec::new();
        };
        match &entry.target {
            Target::Name(_) => Vec::new(),
            Target::Addresses(addresses) => {
                let at_service = |port: &Port| Destination {
                    port: port.port,
                    target: name.clone(),
                    address: addresses.clone(),
                };
                entry
                    .ports
                    .iter()
                    .map(|port| (port.clone(), at_service(port)))
                    .collect()
            }
            Target::Headless => {
                let hosts = self.zone.hosts(key);
                hosts
                    .iter()
                    .flat_map(|host| host_destinations(host, &name))
                    .collect()
            }
        }
    }

    fn service_name(&self, key: &ServiceKey) -> Option<Name> {
        self.below_origin(&["svc", &key.namespace, &key.name])
    }

    /// A name below the cluster's domain; the labels nearest to the domain come first.
    fn below_origin(&self, labels: &[&str]) -> Option<Name> {
        labels
            .iter()
            .try_fold(self.origin.clone(), |name, label| name.prepend_label(*label).ok())
    }

    fn pick(&self, name: &Name, record_type: RecordType, node: Node) -> Found {
        match node {
            Node::None => Found::NoName(self.soa(self.origin)),
            Node::Empty => Found::NoData(self.soa(self.origin)),
            Node::Alias(target) => self.alias(name, record_type, &target),
            Node::Addresses(addresses) => self.addresses(name, record_type, &addresses),
            Node::Service(_, destinations) if record_type == RecordType::SRV => {
                self.destination_records(name, destinations)
            }
            Node::Service(addresses, _) => self.addresses(name, record_type, &addresses),
            Node::Ports(destinations) if record_type == RecordType::SRV => {
                self.destination_records(name, destinations)
            }
            Node::Ports(_) => Found::NoData(self.soa(self.origin)),
            Node::Version if record_type == RecordType::TXT => {
                let text = TXT::new(vec![VERSION.to_owned()]);
                self.records(vec![self.record(name, RData::TXT(text))], Vec::new())
            }
            Node::Version => Found::NoData(self.soa(self.origin)),
            Node::Origin => self.origin_records(name, record_type),
        }
    }

    fn alias(&self, name: &Name, record_type: RecordType, target: &str) -> Found {
        let Some(target) = absolute(target) else {
            return Found::NoData(self.soa(self.origin));
        };
        let record = self.record(name, RData::CNAME(CNAME(target.clone())));
        if record_type == RecordType::CNAME {
            return self.records(vec![record], Vec::new());
        }
        Found::Alias { record, target }
    }

    fn addresses(&self, name: &Name, record_type: RecordType, addresses: &[IpAddr]) -> Found {
        let answers = addresses
            .iter()
            .filter(|address| {
                matches!(
                    (address, record_type),
                    (IpAddr::V4(_), RecordType::A) | (IpAddr::V6(_), RecordType::AAAA)
                )
            })
            .map(|&address| self.record(name, RData::from(address)))
            .collect();
        self.records(answers, Vec::new())
    }

    fn destination_records(&self, name: &Name, destinations: Vec<Destination>) -> Found {
        let count = u16::try_from(destinations.len()).unwrap_or(u16::MAX).max(1);
        let weight = (TOTAL_WEIGHT / count).max(1);
        let (mut answers, mut additionals) = (Vec::new(), Vec::new());
        for destination in destinations {
            for address in destination.address {
                let record = self.record(&destination.target, RData::from(address));
                if !additionals.contains(&record) {
                    additionals.push(record);
                }
            }
            let data = SRV::new(0, weight, destination.port, destination.target);
            answers.push(self.record(name, RData::SRV(data)));
        }
        self.records(answers, additionals)
    }

    fn origin_records(&self, name: &Name, record_type: RecordType) -> Found {
        match record_type {
            RecordType::SOA => self.records(vec![self.soa(name)], Vec::new()),
            RecordType::NS => {
                let Some(server) = self.below_origin(&["dns", "ns"]) else {
                    return Found::NoData(self.soa(self.origin));
                };
                let addresses = self.service_addresses.iter();
                let additionals = addresses
                    .map(|&address| self.record(&server, RData::from(address)))
                    .collect();
                self.records(vec![self.record(name, RData::NS(NS(server)))], additionals)
            }
            _ => Found::NoData(self.soa(self.origin)),
        }
    }

    /// Whose address it is, for names below `in-addr.arpa` and `ip6.arpa`.
    fn find_reverse(&self, name: &Name, record_type: RecordType) -> Option<Found> {
        let network = name.parse_arpa_name().ok()?;
        if network.prefix_len() != network.max_prefix_len() {
            return None;
        }
        let address = network.addr();
        let services = self
            .zone
            .services_at(address)
            .filter_map(|key| self.service_name(key));
        let hosts = self.zone.hosts_at(address);
        let hosts = hosts
            .iter()
            .filter_map(|(key, label)| self.service_name(key)?.prepend_label(label.as_str()).ok());
        let answers: Vec<Record> = services
            .chain(hosts)
            .map(|owner| self.record(name, RData::PTR(PTR(owner))))
            .collect();
        let zone = name.trim_to(2);
        if answers.is_empty() {
            let is_own = self.own_networks.iter().any(|own| own.contains(&address));
            return is_own.then(|| Found::NoName(self.soa(&zone)));
        }
        Some(match record_type {
            RecordType::PTR => self.records(answers, Vec::new()),
            _ => Found::NoData(self.soa(&zone)),
        })
    }

    fn records(&self, answers: Vec<Record>, additionals: Vec<Record>) -> Found {
        if answers.is_empty() {
            return Found::NoData(self.soa(self.origin));
        }
        Found::Records { answers, additionals }
    }

    fn record(&self, name: &Name, data: RData) -> Record {
        Record::from_rdata(name.clone(), self.ttl, data)
    }

    fn soa(&self, zone: &Name) -> Record {
        let server = self.below_origin(&["dns", "ns"]).unwrap_or_else(Name::root);
        let mailbox = self.below_origin(&["hostmaster"]).unwrap_or_else(Name::root);
        let data = SOA::new(
            server,
            mailbox,
            self.serial,
            7200,
            1800,
            86400,
            NEGATIVE_TTL_SECONDS,
        );
        Record::from_rdata(zone.clone(), NEGATIVE_TTL_SECONDS, RData::SOA(data))
    }
}

fn host_destinations(host: &Host, service: &Name) -> Vec<(Port, Destination)> {
    let Ok(target) = service.prepend_label(host.label.as_str()) else {
        return Vec::new();
    };
    let at_host = |port: &Port| Destination {
        port: port.port,
        target: target.clone(),
        address: vec![host.address],
    };
    host.ports
        .iter()
        .map(|port| (port.clone(), at_host(port)))
        .collect()
}

fn empty_if(is_there: bool) -> Node {
    if is_there { Node::Empty } else { Node::None }
}

/// A name as it is written in an object, where the last dot is left out.
fn absolute(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    (!name.is_root()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::testing::{service, slice};

    fn zone() -> Zone {
        let mut zone = Zone::default();
        for object in [
            json!({"metadata": {"namespace": "a", "name": "web"}, "spec": {
                "clusterIP": "10.43.0.10",
                "clusterIPs": ["10.43.0.10", "fd43::10"],
                "ports": [
                    {"name": "http", "protocol": "TCP", "port": 80},
                    {"name": "dns", "protocol": "UDP", "port": 53},
                ],
            }}),
            json!({"metadata": {"namespace": "a", "name": "out"}, "spec": {
                "type": "ExternalName", "externalName": "Example.com",
            }}),
            json!({"metadata": {"namespace": "a", "name": "address"}, "spec": {
                "type": "ExternalName", "externalName": "192.0.2.7",
            }}),
        ] {
            zone.change_service(None, Some(&serde_json::from_value(object).unwrap()));
        }
        zone.change_service(None, Some(&service("db", "None")));
        zone.change_service(None, Some(&service("idle", "None")));
        let endpoints = [("10.42.0.2", "db-0"), ("10.42.0.3", "")];
        zone.change_slice(None, Some(&Arc::new(slice("db-x", "db", &endpoints))));
        let one = Arc::new(slice("web-x", "web", &[("10.42.0.9", "")]));
        zone.change_slice(None, Some(&one));
        zone
    }

    /// An answer in words: owners are left out, additional records follow a plus sign.
    fn words(found: Option<Found>) -> String {
        let data = |records: &[Record]| {
            let mut texts: Vec<String> = records
                .iter()
                .map(|record| record.data.to_string().replace("svc.cluster.local.", "~"))
                .collect();
            texts.sort();
            texts.join(", ")
        };
        match found {
            None => String::from("elsewhere"),
            Some(Found::Records { answers, additionals }) if additionals.is_empty() => data(&answers),
            Some(Found::Records { answers, additionals }) => {
                format!("{} + {}", data(&answers), data(&additionals))
            }
            Some(Found::Alias { target, .. }) => format!("alias {target}"),
            Some(Found::NoData(soa)) => format!("no data {} {}", soa.name, soa.ttl),
            Some(Found::NoName(soa)) => format!("no name {} {}", soa.name, soa.ttl),
        }
    }

    #[track_caller]
    fn check(cases: &[(&str, RecordType, &str)]) {
        let zone = zone();
        let networks = ["10.43.0.0/16".parse().unwrap()];
        let addresses = ["10.43.0.53".parse().unwrap()];
        let lookup = Lookup {
            zone: &zone,
            origin: &"cluster.local.".parse().unwrap(),
            ttl: 30,
            serial: 1,
            own_networks: &networks,
            service_addresses: &addresses,
        };
        for (name, record_type, expected) in cases {
            let name = name.replace('~', "svc.cluster.local.");
            let found = lookup.find(&Name::from_ascii(&name).unwrap(), *record_type);
            assert_eq!(words(found), *expected, "{name} {record_type}");
        }
    }

    const NO_NAME: &str = "no name cluster.local. 5";
    const NO_DATA: &str = "no data cluster.local. 5";

    #[test]
    fn cluster_ips() {
        use RecordType::{A, AAAA, MX, SRV};
        check(&[
            ("web.a.~", A, "10.43.0.10"),
            ("WEB.a.SVC.Cluster.Local.", A, "10.43.0.10"),
            ("web.a.~", AAAA, "fd43::10"),
            ("web.a.~", MX, NO_DATA),
            ("other.a.~", A, NO_NAME),
            ("web.b.~", A, NO_NAME),
            (
                "_http._tcp.web.a.~",
                SRV,
                "0 100 80 web.a.~ + 10.43.0.10, fd43::10",
            ),
            (
                "_HTTP._TCP.web.a.~",
                SRV,
                "0 100 80 web.a.~ + 10.43.0.10, fd43::10",
            ),
            (
                "_dns._udp.web.a.~",
                SRV,
                "0 100 53 web.a.~ + 10.43.0.10, fd43::10",
            ),
            ("_dns._tcp.web.a.~", SRV, NO_NAME),
            ("_http._tcp.web.a.~", A, NO_DATA),
            ("_tcp.web.a.~", SRV, NO_DATA),
            ("_sctp.web.a.~", SRV, NO_NAME),
            ("http._tcp.web.a.~", SRV, NO_NAME),
            (
                "web.a.~",
                SRV,
                "0 50 53 web.a.~, 0 50 80 web.a.~ + 10.43.0.10, fd43::10",
            ),
            ("10-42-0-9.web.a.~", A, "10.42.0.9"),
            ("x.y.z.web.a.~", A, NO_NAME),
        ]);
    }

    #[test]
    fn headless_services() {
        use RecordType::{A, AAAA, SRV};
        check(&[
            ("db.a.~", A, "10.42.0.2, 10.42.0.3"),
            ("db.a.~", AAAA, NO_DATA),
            ("idle.a.~", A, NO_DATA),
            ("db-0.db.a.~", A, "10.42.0.2"),
            ("10-42-0-3.db.a.~", A, "10.42.0.3"),
            ("10-42-0-2.db.a.~", A, NO_NAME),
            (
                "_main._tcp.db.a.~",
                SRV,
                "0 50 5432 10-42-0-3.db.a.~, 0 50 5432 db-0.db.a.~ + 10.42.0.2, 10.42.0.3",
            ),
            ("_main._udp.db.a.~", SRV, NO_NAME),
        ]);
    }

    #[test]
    fn other_names_of_the_cluster() {
        use RecordType::{A, CNAME, MX, NS, SOA, TXT};
        check(&[
            ("out.a.~", A, "alias Example.com."),
            ("out.a.~", MX, "alias Example.com."),
            ("out.a.~", CNAME, "Example.com."),
            ("address.a.~", A, "192.0.2.7"),
            ("dns-version.cluster.local.", TXT, "1.1.0"),
            ("dns-version.cluster.local.", A, NO_DATA),
            ("10-1-2-3.a.pod.cluster.local.", A, "10.1.2.3"),
            ("fd00--1.a.pod.cluster.local.", RecordType::AAAA, "fd00::1"),
            ("web.a.pod.cluster.local.", A, NO_NAME),
            ("a.~", A, NO_DATA),
            ("b.~", A, NO_NAME),
            ("~", A, NO_DATA),
            ("cluster.local.", A, NO_DATA),
            ("cluster.local.", NS, "ns.dns.cluster.local. + 10.43.0.53"),
            (
                "cluster.local.",
                SOA,
                "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5",
            ),
            ("ns.dns.cluster.local.", A, "10.43.0.53"),
            ("x.cluster.local.", A, NO_NAME),
        ]);
    }

    #[test]
    fn names_of_others() {
        use RecordType::{A, PTR};
        check(&[
            ("example.com.", A, "elsewhere"),
            ("local.", A, "elsewhere"),
            (".", RecordType::NS, "elsewhere"),
            ("notcluster.local.", A, "elsewhere"),
            ("web.a.svc.", A, "elsewhere"),
            ("8.8.8.8.in-addr.arpa.", PTR, "elsewhere"),
            ("10.in-addr.arpa.", PTR, "elsewhere"),
        ]);
    }

    #[test]
    fn whose_an_address_is() {
        use RecordType::{A, PTR};
        check(&[
            ("10.0.43.10.in-addr.arpa.", PTR, "web.a.~"),
            ("10.0.43.10.IN-ADDR.ARPA.", PTR, "web.a.~"),
            ("10.0.43.10.in-addr.arpa.", A, "no data in-addr.arpa. 5"),
            ("11.0.43.10.in-addr.arpa.", PTR, "no name in-addr.arpa. 5"),
            ("2.0.42.10.in-addr.arpa.", PTR, "db-0.db.a.~"),
            ("3.0.42.10.in-addr.arpa.", PTR, "10-42-0-3.db.a.~"),
            // An endpoint of a Service with a ClusterIP has no name of its own.
            ("9.0.42.10.in-addr.arpa.", PTR, "elsewhere"),
            (
                "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.4.d.f.ip6.arpa.",
                PTR,
                "web.a.~",
            ),
        ]);
    }
}
