//! The endpoints of the `kubernetes` Service: the masters that are alive.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use client::k8s_openapi::api::discovery::v1::EndpointSlice;
use client::{Client, DeleteOptions, ListOptions, Scope};
use meta::GroupVersionResource;
use serde_json::{Value, json};

use crate::bootstrap::{Wanted, cluster_info};
use crate::execute::{ExecuteError, execute};
use crate::reconcile::Policy;

const NAMESPACE: &str = "default";
/// The Service, and its objects.
const NAME: &str = "kubernetes";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const ENDPOINTS: GroupVersionResource = GroupVersionResource::new("", "v1", "endpoints");
const ENDPOINT_SLICES: GroupVersionResource =
    GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");

/// Whether other machines can use an address; others are no endpoints.
pub fn is_reachable(address: IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified()
}

/// The objects that lead to these masters, as upstream's API servers write them. A slice has one set of ports, so masters
/// with another port stand in slices of their own.
pub fn endpoints(masters: &[SocketAddr]) -> Vec<Wanted> {
    let mut by_port: BTreeMap<u16, Vec<IpAddr>> = BTreeMap::new();
    for master in masters.iter().filter(|master| is_reachable(master.ip())) {
        by_port.entry(master.port()).or_default().push(master.ip());
    }
    for addresses in by_port.values_mut() {
        addresses.sort_unstable();
        addresses.dedup();
    }
    let slices = by_port.iter().enumerate().map(|(index, (&port, addresses))| {
        let object = slice(&slice_name(index, port), port, addresses);
        Wanted::new(ENDPOINT_SLICES, Policy::Fields(&["endpoints", "ports"]), object)
    });
    let subsets: Vec<Value> = by_port
        .iter()
        .map(|(&port, addresses)| subset(port, addresses))
        .collect();
    if subsets.is_empty() {
        return Vec::new();
    }
    let endpoints = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": subsets,
    });
    let endpoints = Wanted::new(ENDPOINTS, Policy::Fields(&["subsets"]), endpoints);
    std::iter::once(endpoints).chain(slices).collect()
}

/// The first has the name that upstream gives it.
fn slice_name(index: usize, port: u16) -> String {
    match index {
        0 => NAME.to_owned(),
        _ => format!("{NAME}-{port}"),
    }
}

fn ports(port: u16) -> Value {
    json!([{"name": "https", "port": port, "protocol": "TCP"}])
}

fn subset(port: u16, addresses: &[IpAddr]) -> Value {
    let addresses: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    json!({"addresses": addresses, "ports": ports(port)})
}

fn slice(name: &str, port: u16, addresses: &[IpAddr]) -> Value {
    let is_v6 = addresses.iter().any(IpAddr::is_ipv6);
    let endpoints = addresses
        .iter()
        .map(|ip| json!({"addresses": [ip], "conditions": {"ready": true}}));
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {SERVICE_NAME: NAME}},
        "addressType": if is_v6 { "IPv6" } else { "IPv4" },
        "endpoints": endpoints.collect::<Vec<_>>(),
        "ports": ports(port),
    })
}

/// Makes the endpoints lead to these masters and no others, and what joining machines look up to one of them. `authority` is the
/// PEM by which clients know the masters. The client must be allowed to write all that.
pub async fn publish(client: &Client, masters: &[SocketAddr], authority: &str) -> Result<(), PublishError> {
    let mut wanted = endpoints(masters);
    if wanted.is_empty() {
        return Ok(());
    }
    let slices = wanted.iter().filter(|wanted| wanted.resource == ENDPOINT_SLICES);
    let kept: Vec<String> = slices.map(|slice| slice.name.clone()).collect();
    wanted.extend(cluster_info(authority, masters));
    execute(client, [wanted], false).await?;
    remove_others(client, &kept).await?;
    Ok(())
}

/// Why the endpoints could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// An object.
    #[error(transparent)]
    Object(#[from] ExecuteError),
    /// Slices of masters that are no more.
    #[error("old slices of the kubernetes Service")]
    Slices(#[from] client::Error),
}

async fn remove_others(client: &Client, kept: &[String]) -> Result<(), client::Error> {
    let scope = Scope::Namespace(NAMESPACE);
    let of_service = ListOptions::labels(format!("{SERVICE_NAME}={NAME}"));
    let slices = client.list::<EndpointSlice>(scope, &of_service).await?;
    let names = slices.items.into_iter().filter_map(|slice| slice.metadata.name);
    // Whatever else somebody made for this Service is theirs.
    let ours = names.filter(|name| {
        name.strip_prefix("kubernetes-")
            .is_some_and(|port| port.parse::<u16>().is_ok())
    });
    for name in ours.filter(|name| !kept.contains(name)) {
        let deleted = client
            .delete::<EndpointSlice>(scope, &name, &DeleteOptions::default())
            .await;
        match deleted {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The addresses of masters, `HOST:PORT`, that a slice of the `kubernetes` Service names.
pub fn addresses(slice: &EndpointSlice) -> Vec<String> {
    let ports = slice.ports.iter().flatten();
    let port = ports
        .filter(|port| port.name.as_deref() == Some("https"))
        .find_map(|port| u16::try_from(port.port?).ok());
    let Some(port) = port else { return Vec::new() };
    let endpoints = slice.endpoints.iter().flatten();
    let texts = endpoints.flat_map(|endpoint| endpoint.addresses.iter());
    let addresses = texts.filter_map(|text| text.parse::<IpAddr>().ok());
    addresses
        .map(|ip| SocketAddr::new(ip, port).to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(masters: &[&str]) -> Vec<Value> {
        let masters: Vec<SocketAddr> = masters
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        endpoints(&masters)
            .into_iter()
            .map(|wanted| wanted.object)
            .collect()
    }

    fn addresses_of(object: &Value) -> Vec<String> {
        let slice: EndpointSlice = serde_json::from_value(object.clone()).expect("a slice");
        addresses(&slice)
    }

    #[test]
    fn masters_of_one_port_are_one_list() {
        let objects = objects(&[
            "192.0.2.2:6443",
            "192.0.2.1:6443",
            "192.0.2.2:6443",
            "127.0.0.1:6443",
        ]);
        assert_eq!(objects.len(), 2);
        assert_eq!(
            objects[0]["subsets"],
            json!([{
                "addresses": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            }])
        );
        assert_eq!(objects[1]["metadata"]["name"], "kubernetes");
        assert_eq!(addresses_of(&objects[1]), ["192.0.2.1:6443", "192.0.2.2:6443"]);
    }

    #[test]
    fn masters_of_another_port_have_a_slice_of_their_own() {
        let objects = objects(&["192.0.2.1:7443", "192.0.2.1:6443"]);
        assert_eq!(objects[0]["subsets"].as_array().map(Vec::len), Some(2));
        let names: Vec<&Value> = objects[1..]
            .iter()
            .map(|object| &object["metadata"]["name"])
            .collect();
        assert_eq!(names, ["kubernetes", "kubernetes-7443"]);
        assert_eq!(addresses_of(&objects[2]), ["192.0.2.1:7443"]);
    }

    #[test]
    fn without_reachable_masters_nothing_is_said() {
        assert!(objects(&["127.0.0.1:6443", "0.0.0.0:6443"]).is_empty());
        assert!(objects(&[]).is_empty());
    }
}
