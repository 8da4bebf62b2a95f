//! Which endpoints of a Service take traffic.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use client::lean::{Endpoint, EndpointSlice, Hint};

use crate::family::Family;
use crate::plan::Protocol;

/// Where this node is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) node: &'a str,
    pub(crate) zone: Option<&'a str>,
}

/// The endpoints that take a port's traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Under the traffic policy `Cluster`.
    pub(crate) cluster: Vec<SocketAddr>,
    /// Under the traffic policy `Local`.
    pub(crate) local: Vec<SocketAddr>,
}

struct Candidate<'a> {
    endpoint: &'a Endpoint,
    is_ready: bool,
    /// On its way out but still answering: better than nothing.
    is_last_resort: bool,
    is_local: bool,
}

/// The endpoints of one port of a Service in one family. `port_name` is the name of the Service's port, which the slices
/// use too.
pub(crate) fn choose(
    slices: &[Arc<EndpointSlice>],
    family: Family,
    port_name: &str,
    protocol: Protocol,
    place: Place<'_>,
) -> Chosen {
    let candidates = candidates(slices, family, port_name, protocol, place);
    let ready: Vec<_> = candidates.iter().filter(|(_, one)| one.is_ready).collect();
    let cluster = if ready.is_empty() {
        addresses(candidates.iter().filter(|(_, one)| one.is_last_resort))
    } else {
        near(&ready, place)
    };
    let mut local = addresses(ready.into_iter().filter(|(_, one)| one.is_local));
    if local.is_empty() {
        let last_resort = |one: &Candidate<'_>| one.is_local && one.is_last_resort;
        local = addresses(candidates.iter().filter(|(_, one)| last_resort(one)));
    }
    Chosen { cluster, local }
}

/// How many ready endpoints of a Service are on this node, by address.
pub(crate) fn count_local(slices: &[Arc<EndpointSlice>], node: &str) -> usize {
    let addresses: std::collections::BTreeSet<&str> = slices
        .iter()
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| endpoint.node_name == node && endpoint.conditions.ready.unwrap_or(true))
        .filter_map(|endpoint| endpoint.addresses.first().map(String::as_str))
        .collect();
    addresses.len()
}

fn candidates<'a>(
    slices: &'a [Arc<EndpointSlice>],
    family: Family,
    port_name: &str,
    protocol: Protocol,
    place: Place<'_>,
) -> BTreeMap<SocketAddr, Candidate<'a>> {
    let mut found: BTreeMap<SocketAddr, Candidate<'a>> = BTreeMap::new();
    for slice in slices
        .iter()
        .filter(|slice| slice.address_type == family.slice_type())
    {
        let ports = slice.ports.iter().filter(|port| {
            port.name.as_deref().unwrap_or("") == port_name
                && Protocol::of(port.protocol.as_deref().unwrap_or("")) == Some(protocol)
        });
        for port in ports.filter_map(|port| port.port.filter(|&port| port != 0)) {
            for endpoint in &slice.endpoints {
                let Some(address) = address_of(endpoint, family) else {
                    continue;
                };
                let candidate = Candidate::new(endpoint, place);
                // While a pod moves from one slice to another, both may have it: the better news counts.
                let entry = found.entry(SocketAddr::new(address, port));
                match entry {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(candidate);
                    }
                    std::collections::btree_map::Entry::Occupied(mut entry) => {
                        if candidate.is_ready && !entry.get().is_ready {
                            entry.insert(candidate);
                        }
                    }
                }
            }
        }
    }
    found
}

impl<'a> Candidate<'a> {
    fn new(endpoint: &'a Endpoint, place: Place<'_>) -> Self {
        let conditions = &endpoint.conditions;
        let is_ready = conditions.ready.unwrap_or(true);
        Self {
            endpoint,
            is_ready,
            is_last_resort: conditions.serving.unwrap_or(is_ready) && conditions.terminating.unwrap_or(false),
            is_local: endpoint.node_name == place.node,
        }
    }
}

/// Only the first address counts; the others have no meaning.
fn address_of(endpoint: &Endpoint, family: Family) -> Option<IpAddr> {
    let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    (Family::of(address) == family).then_some(address)
}

fn addresses<'a>(candidates: impl Iterator<Item = (&'a SocketAddr, &'a Candidate<'a>)>) -> Vec<SocketAddr> {
    candidates.map(|(address, _)| *address).collect()
}

/// Of the ready endpoints, those whose hints name this node or else its zone; all of them if one has no hint or none
/// names us.
fn near(ready: &[(&SocketAddr, &Candidate<'_>)], place: Place<'_>) -> Vec<SocketAddr> {
    let by_node = |candidate: &Candidate<'_>| {
        let hints = candidate.endpoint.hints.as_ref()?;
        names_one(&hints.for_nodes, place.node)
    };
    let by_zone = |candidate: &Candidate<'_>| {
        let hints = candidate.endpoint.hints.as_ref()?;
        names_one(&hints.for_zones, place.zone?)
    };
    hinted(ready, by_node)
        .or_else(|| hinted(ready, by_zone))
        .unwrap_or_else(|| ready.iter().map(|(address, _)| **address).collect())
}

/// Whether hints name a place; none if there are no hints.
fn names_one(hints: &[Hint], place: &str) -> Option<bool> {
    (!hints.is_empty()).then(|| hints.iter().any(|hint| hint.name == place))
}

fn hinted(
    ready: &[(&SocketAddr, &Candidate<'_>)],
    names_us: impl Fn(&Candidate<'_>) -> Option<bool>,
) -> Option<Vec<SocketAddr>> {
    let mut chosen = Vec::new();
    for (address, candidate) in ready {
        if names_us(candidate)? {
            chosen.push(**address);
        }
    }
    (!chosen.is_empty()).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slice(endpoints: Value) -> Arc<EndpointSlice> {
        let value = json!({
            "addressType": "IPv4",
            "ports": [{"name": "web", "protocol": "TCP", "port": 8080}, {"name": "any"}],
            "endpoints": endpoints,
        });
        Arc::new(serde_json::from_value(value).unwrap())
    }

    /// An endpoint with flags: `r`eady, `s`erving, `t`erminating, `l`ocal.
    fn endpoint(last: u8, flags: &str) -> Value {
        json!({
            "addresses": [format!("10.0.0.{last}")],
            "nodeName": if flags.contains('l') { "here" } else { "there" },
            "conditions": {
                "ready": flags.contains('r'),
                "serving": flags.contains('s'),
                "terminating": flags.contains('t'),
            },
        })
    }

    fn hinted_endpoint(last: u8, hints: Value) -> Value {
        let mut value = endpoint(last, "rs");
        value["hints"] = hints;
        value
    }

    fn lasts(addresses: &[SocketAddr]) -> Vec<u8> {
        addresses
            .iter()
            .map(|address| match address.ip() {
                IpAddr::V4(address) => address.octets()[3],
                IpAddr::V6(_) => panic!("{address} is of the other family"),
            })
            .collect()
    }

    #[track_caller]
    fn check(slices: &[Arc<EndpointSlice>], cluster: &[u8], local: &[u8]) {
        let place = Place {
            node: "here",
            zone: Some("east"),
        };
        let chosen = choose(slices, Family::V4, "web", Protocol::Tcp, place);
        assert_eq!(lasts(&chosen.cluster), cluster, "cluster");
        assert_eq!(lasts(&chosen.local), local, "local");
        assert!(chosen.cluster.iter().all(|address| address.port() == 8080));
    }

    #[test]
    fn ready_endpoints_take_traffic() {
        check(&[], &[], &[]);
        check(&[slice(json!(null))], &[], &[]);
        check(
            &[slice(json!([
                endpoint(2, "rsl"),
                endpoint(1, "rs"),
                endpoint(3, "")
            ]))],
            &[1, 2],
            &[2],
        );
        let bare = json!([{"addresses": ["10.0.0.9"], "nodeName": "here"}]);
        check(&[slice(bare)], &[9], &[9]);
    }

    #[test]
    fn terminating_ones_do_when_there_is_no_other() {
        check(&[slice(json!([endpoint(1, "st"), endpoint(2, "t")]))], &[1], &[]);
        check(
            &[slice(json!([endpoint(1, "rs"), endpoint(2, "stl")]))],
            &[1],
            &[2],
        );
        check(
            &[slice(json!([endpoint(1, "rsl"), endpoint(2, "stl")]))],
            &[1],
            &[1],
        );
        check(&[slice(json!([endpoint(1, "s")]))], &[], &[]);
    }

    #[test]
    fn an_endpoint_of_two_slices_is_one() {
        let old = slice(json!([endpoint(1, "st")]));
        let new = slice(json!([endpoint(1, "rs")]));
        check(&[old.clone(), new.clone()], &[1], &[]);
        check(&[new, old], &[1], &[]);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let broken = json!([
            {"addresses": ["nonsense"]}, {"addresses": []}, {"addresses": ["fd00::1"]}, endpoint(1, "rs"),
        ]);
        check(&[slice(broken)], &[1], &[]);
    }

    #[test]
    fn hints_keep_traffic_near() {
        let zones = |last, zone: &str| hinted_endpoint(last, json!({"forZones": [{"name": zone}]}));
        let nodes = |last, node: &str, zone: &str| {
            hinted_endpoint(
                last,
                json!({"forNodes": [{"name": node}], "forZones": [{"name": zone}]}),
            )
        };
        check(&[slice(json!([zones(1, "east"), zones(2, "west")]))], &[1], &[]);
        // One without a hint, or none for us: all of them.
        check(
            &[slice(json!([zones(1, "east"), endpoint(2, "rs")]))],
            &[1, 2],
            &[],
        );
        check(
            &[slice(json!([zones(1, "west"), zones(2, "west")]))],
            &[1, 2],
            &[],
        );
        check(
            &[slice(json!([
                nodes(1, "there", "east"),
                nodes(2, "here", "west")
            ]))],
            &[2],
            &[],
        );
        check(
            &[slice(json!([
                nodes(1, "there", "east"),
                nodes(2, "there", "west")
            ]))],
            &[1],
            &[],
        );
    }

    #[test]
    fn local_endpoints_are_counted_by_address() {
        let one = slice(json!([endpoint(1, "rsl"), endpoint(2, "rs"), endpoint(3, "stl")]));
        assert_eq!(count_local(&[one.clone(), one], "here"), 1);
    }
}
