//! Endpoints of services, for the proxy to them: a ready one of those that the EndpointSlices name. It must be a pod: who may
//! write slices and use the proxy does not get to any other address that this server reaches.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use apiserver::ServiceResolver;
use async_trait::async_trait;
use meta::{GroupVersionResource, Status, quote};
use registry::{GetOptions, ListOptions, Registry, Resource};
use serde_json::Value;

/// Endpoints, as the watch caches have them.
pub(super) struct Endpoints(pub(super) Registry);

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// So many endpoints are looked at for one request.
const MAX_TRIES: usize = 100;

#[async_trait]
impl ServiceResolver for Endpoints {
    async fn resolve(
        &self,
        namespace: &str,
        name: &str,
        port: &str,
    ) -> Result<Option<(String, u16)>, Status> {
        let services = resource(&self.0, GroupVersionResource::new("", "v1", "services"))?;
        let service = services.get(namespace, name, &GetOptions::default()).await?;
        let port = port_name(&service.tree(), name, port)?;
        let slices = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
        let options = ListOptions {
            label_selector: format!("{SERVICE_NAME}={name}"),
            ..ListOptions::default()
        };
        let slices = resource(&self.0, slices)?.list(Some(namespace), &options).await?;
        let trees: Vec<Value> = slices.items.iter().map(|slice| slice.tree()).collect();
        let mut candidates = candidates(&trees, &port);
        // A new hasher's keys are random: each request takes its chance.
        let chance = RandomState::new().hash_one(0) as usize;
        if let Some(first) = chance.checked_rem(candidates.len()) {
            candidates.rotate_left(first);
        }
        let pods = resource(&self.0, GroupVersionResource::new("", "v1", "pods"))?;
        for candidate in candidates.iter().take(MAX_TRIES) {
            let pod = pods.get(namespace, candidate.pod, &GetOptions::default()).await;
            if pod.is_ok_and(|pod| candidate.is_of(namespace, &pod.tree())) {
                return Ok(Some((candidate.address.to_owned(), candidate.port)));
            }
        }
        Ok(None)
    }
}

/// An address and the pod that is said to have it.
struct Candidate<'a> {
    address: &'a str,
    port: u16,
    namespace: &'a str,
    pod: &'a str,
}

impl Candidate<'_> {
    /// Whether the pod, of the service's namespace, has the address.
    fn is_of(&self, namespace: &str, pod: &Value) -> bool {
        let mut addresses = pod["status"]["podIPs"].as_array().into_iter().flatten();
        self.namespace == namespace && addresses.any(|has| has["ip"] == self.address)
    }
}

fn resource(registry: &Registry, name: GroupVersionResource) -> Result<Arc<Resource>, Status> {
    registry
        .resource(&name)
        .ok_or_else(|| Status::internal(format!("{} are not served", name.group_resource())))
}

/// The name of a service's port that is given by number or name.
fn port_name(service: &Value, name: &str, port: &str) -> Result<String, Status> {
    let Ok(number) = port.parse::<i64>() else {
        return Ok(port.to_owned());
    };
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let found = ports.into_iter().find(|found| found["port"] == number);
    match found {
        Some(found) => Ok(found["name"].as_str().unwrap_or_default().to_owned()),
        None => Err(Status::service_unavailable(format!(
            "no service port {number} found for service {}",
            quote(name)
        ))),
    }
}

/// Addresses and ports of everything that is ready, of the port with that name.
fn candidates<'a>(slices: &'a [Value], port: &str) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for slice in slices.iter().filter(|slice| slice["addressType"] != "FQDN") {
        let ports = slice["ports"].as_array().into_iter().flatten();
        let number = ports
            .filter(|found| found["name"].as_str().unwrap_or_default() == port)
            .find_map(|found| u16::try_from(found["port"].as_u64()?).ok());
        let Some(number) = number else { continue };
        let endpoints = slice["endpoints"].as_array().into_iter().flatten();
        for endpoint in endpoints.filter(|endpoint| endpoint["conditions"]["ready"] != false) {
            let of = &endpoint["targetRef"];
            if let (Some(address), Some(pod)) = (endpoint["addresses"][0].as_str(), of["name"].as_str()) {
                found.push(Candidate {
                    address,
                    port: number,
                    namespace: of["namespace"].as_str().unwrap_or_default(),
                    pod,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_found_by_number_and_name() {
        let service = json!({ "spec": { "ports": [{ "port": 80 }, { "port": 443, "name": "tls" }] } });
        let of = |port| port_name(&service, "s", port).map_err(|status| status.message);
        assert_eq!(of("80").as_deref(), Ok(""));
        assert_eq!(of("443").as_deref(), Ok("tls"));
        assert_eq!(of("tls").as_deref(), Ok("tls"));
        assert_eq!(of("").as_deref(), Ok(""));
        let refused = r#"no service port 81 found for service "s""#;
        assert_eq!(of("81"), Err(refused.to_owned()));
    }

    #[test]
    fn endpoints_that_are_ready_are_candidates() {
        let a = json!({ "namespace": "n", "name": "a" });
        let slices = [
            json!({
                "addressType": "IPv4",
                "ports": [{ "name": "", "port": 8080 }, { "name": "tls", "port": 8443 }],
                "endpoints": [
                    { "addresses": ["10.0.0.1"], "conditions": { "ready": true }, "targetRef": a },
                    { "addresses": ["10.0.0.2"], "conditions": { "ready": false }, "targetRef": a },
                    { "addresses": ["10.0.0.3"], "conditions": {}, "targetRef": a },
                    { "addresses": ["10.0.0.4"], "conditions": {} },
                ],
            }),
            json!({
                "addressType": "IPv6",
                "ports": [{ "name": "tls", "port": 9443 }],
                "endpoints": [{ "addresses": ["fd00::1"], "targetRef": a }],
            }),
            json!({
                "addressType": "FQDN",
                "ports": [{ "name": "tls", "port": 443 }],
                "endpoints": [{ "addresses": ["example.com"], "targetRef": a }],
            }),
        ];
        let of = |port| -> Vec<String> {
            let found = candidates(&slices, port).into_iter();
            found
                .map(|found| format!("{} {}", found.address, found.port))
                .collect()
        };
        assert_eq!(of(""), ["10.0.0.1 8080", "10.0.0.3 8080"]);
        assert_eq!(of("tls"), ["10.0.0.1 8443", "10.0.0.3 8443", "fd00::1 9443"]);
        assert_eq!(of("other"), [""; 0]);
    }

    #[test]
    fn only_addresses_of_pods_are_reached() {
        let pod = json!({ "status": { "podIPs": [{ "ip": "10.0.0.1" }, { "ip": "fd00::1" }] } });
        for (address, namespace, expected) in [
            ("10.0.0.1", "n", true),
            ("fd00::1", "n", true),
            ("10.0.0.2", "n", false),
            ("10.0.0.1", "m", false),
        ] {
            let candidate = Candidate {
                address,
                port: 80,
                namespace,
                pod: "a",
            };
            assert_eq!(candidate.is_of("n", &pod), expected, "{address} {namespace}");
        }
    }
}
