//! Where a server is: at a URL, or behind a Service of the cluster.

use std::net::SocketAddr;

use http::Uri;
use meta::GroupVersionResource;
use meta::label_selector::Labels;
use registry::Object;
use serde_json::Value;
use tokio::net::lookup_host;

use crate::cluster::Cluster;
use crate::request::resources::SERVICES;
use crate::request::{items, text};

const SLICES: GroupVersionResource = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const HTTPS: u16 = 443;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Anywhere.
    Url {
        /// A name or an address.
        host: String,
        /// Of TCP.
        port: u16,
    },
    /// Behind a Service.
    Service {
        /// Of the Service.
        namespace: String,
        /// Of the Service.
        name: String,
        /// One of the Service's.
        port: u16,
    },
}

/// What is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// As messages have it; none if each candidate is to be named by itself.
    pub(super) shown: Option<String>,
    pub(super) candidates: Vec<SocketAddr>,
}

impl Address {
    /// Reads a `clientConfig`: the address, and the URL that requests go to.
    pub(crate) fn read(config: &Value) -> Result<(Self, String), String> {
        let service = &config["service"];
        if service.is_null() {
            return Self::of_url(text(config, "/url"));
        }
        let (namespace, name) = (text(service, "/namespace"), text(service, "/name"));
        let port = service["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.unwrap_or(HTTPS);
        let path = text(service, "/path").trim_start_matches('/');
        let url = format!("https://{name}.{namespace}.svc:{port}/{path}");
        let address = Self::Service {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port,
        };
        Ok((address, url))
    }

    fn of_url(url: &str) -> Result<(Self, String), String> {
        let uri: Uri = url.parse().map_err(|error| format!("invalid URL: {error}"))?;
        let authority = uri.authority().ok_or("the URL has no host")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let address = Self::Url {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(HTTPS),
        };
        let url = format!("https://{authority}{}", uri.path());
        Ok((address, url))
    }

    /// The name that the certificate must be for.
    pub fn server_name(&self) -> String {
        match self {
            Self::Url { host, .. } => host.clone(),
            Self::Service { namespace, name, .. } => format!("{name}.{namespace}.svc"),
        }
    }

    /// What to dial, as things are now; else why it cannot be reached.
    pub(super) async fn find(&self, cluster: &dyn Cluster) -> Result<Way, String> {
        match self {
            Self::Url { host, port } => by_name(host, *port).await,
            Self::Service {
                namespace,
                name,
                port,
            } => behind(cluster, namespace, name, *port).await,
        }
    }
}

async fn by_name(host: &str, port: u16) -> Result<Way, String> {
    let found = lookup_host((host, port)).await;
    let candidates: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
    if candidates.is_empty() {
        return Err(format!("dial tcp: lookup {host}: no such host"));
    }
    Ok(Way {
        shown: None,
        candidates,
    })
}

/// A Service by its address, as upstream's server has it; its endpoints are dialled by themselves where they are known, since a
/// server without a node has no rules for addresses of Services.
async fn behind(cluster: &dyn Cluster, namespace: &str, name: &str, port: u16) -> Result<Way, String> {
    let service = cluster.get(&SERVICES, namespace, name).await;
    let service = service.map_err(|status| status.message)?;
    let service = service.ok_or_else(|| format!("service {} not found", meta::quote(name)))?;
    let service = service.tree();
    let address = match (text(&service, "/spec/type"), text(&service, "/spec/clusterIP")) {
        ("ClusterIP", "None") => return Err("cannot route to service with ClusterIP \"None\"".to_owned()),
        ("ExternalName", _) => return by_name(text(&service, "/spec/externalName"), port).await,
        ("ClusterIP" | "LoadBalancer" | "NodePort", address) => address.to_owned(),
        (other, _) => return Err(format!("unsupported service type {}", meta::quote(other))),
    };
    let slices = cluster.list(&SLICES, Some(namespace)).await;
    let slices = slices.map_err(|status| status.message)?;
    let slices: Vec<Value> = slices
        .iter()
        .filter(|slice| slice.label(SERVICE_NAME) == Some(name))
        .map(|slice: &std::sync::Arc<Object>| slice.tree())
        .collect();
    let mut candidates = endpoints(&service, &slices, port);
    if candidates.is_empty() {
        let address = address
            .parse()
            .map_err(|_| format!("service has no address: {address:?}"))?;
        candidates.push(SocketAddr::new(address, port));
    }
    let shown = match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    };
    Ok(Way {
        shown: Some(shown),
        candidates,
    })
}

/// Addresses and ports of everything that is ready behind a port of a Service.
fn endpoints(service: &Value, slices: &[Value], port: u16) -> Vec<SocketAddr> {
    let mut ports = items(service, "/spec/ports").iter();
    let Some(named) = ports.find(|candidate| candidate["port"] == port) else {
        return Vec::new();
    };
    let port_name = text(named, "/name");
    let mut found = Vec::new();
    for slice in slices {
        let port = items(slice, "/ports")
            .iter()
            .filter(|port| text(port, "/name") == port_name)
            .find_map(|port| u16::try_from(port["port"].as_u64()?).ok());
        let Some(port) = port else { continue };
        let endpoints = items(slice, "/endpoints").iter();
        let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] != false);
        let addresses = ready.filter_map(|endpoint| text(endpoint, "/addresses/0").parse().ok());
        found.extend(addresses.map(|address| SocketAddr::new(address, port)));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::FakeCluster;

    #[test]
    fn client_configs_lead_to_urls() {
        for (config, url, name) in [
            (json!({"url": "https://a.b:8443/x"}), "https://a.b:8443/x", "a.b"),
            (json!({"url": "https://a.b"}), "https://a.b/", "a.b"),
            (json!({"url": "https://[::1]:1/x"}), "https://[::1]:1/x", "::1"),
            (
                json!({"service": {"namespace": "n", "name": "s", "path": "/p"}}),
                "https://s.n.svc:443/p",
                "s.n.svc",
            ),
            (
                json!({"service": {"namespace": "n", "name": "s", "port": 8443}}),
                "https://s.n.svc:8443/",
                "s.n.svc",
            ),
        ] {
            let (address, found) = Address::read(&config).expect("an address");
            assert_eq!((found.as_str(), address.server_name().as_str()), (url, name));
        }
    }

    fn service(spec: Value) -> FakeCluster {
        let service = json!({"metadata": {"name": "s", "namespace": "n"}, "spec": spec});
        FakeCluster::default().with(&SERVICES, service)
    }

    async fn find(cluster: FakeCluster) -> Result<Way, String> {
        let address = Address::Service {
            namespace: "n".to_owned(),
            name: "s".to_owned(),
            port: 443,
        };
        address.find(&cluster).await
    }

    #[tokio::test]
    async fn services_are_found_by_address_or_endpoint() {
        let refused = |why: &str| Err(why.to_owned());
        assert_eq!(
            find(FakeCluster::default()).await,
            refused("service \"s\" not found")
        );
        assert_eq!(
            find(service(json!({"type": "ClusterIP", "clusterIP": "None"}))).await,
            refused("cannot route to service with ClusterIP \"None\"")
        );
        let spec = || {
            json!({
                "type": "ClusterIP", "clusterIP": "10.43.0.9", "ports": [{"port": 443, "name": "https"}],
            })
        };
        let way = |candidates: &[&str]| {
            let candidates = candidates.iter().map(|text| text.parse().expect("an address"));
            Ok(Way {
                shown: Some("10.43.0.9:443".to_owned()),
                candidates: candidates.collect(),
            })
        };
        assert_eq!(find(service(spec())).await, way(&["10.43.0.9:443"]));
        let slice = json!({
            "metadata": {"name": "s-1", "namespace": "n", "labels": {SERVICE_NAME: "s"}},
            "ports": [{"name": "https", "port": 8443}],
            "endpoints": [
                {"addresses": ["10.42.0.1"], "conditions": {"ready": true}},
                {"addresses": ["10.42.0.2"], "conditions": {"ready": false}},
            ],
        });
        let cluster = service(spec()).with(&SLICES, slice);
        assert_eq!(find(cluster).await, way(&["10.42.0.1:8443"]));
    }
}
