//! Objects for tests, and tests of the whole.

mod whole;

use client::lean::{EndpointSlice, Service};
use serde_json::json;

/// A Service of the namespace `a` with one port.
pub(crate) fn service(name: &str, cluster_ip: &str) -> Service {
    serde_json::from_value(json!({
        "metadata": {"namespace": "a", "name": name},
        "spec": {
            "clusterIP": cluster_ip,
            "ports": [{"name": "main", "protocol": "TCP", "port": 5432}],
        },
    }))
    .unwrap()
}

/// A slice of a Service with these ready endpoints, by address and hostname, and one that is not ready.
pub(crate) fn slice(name: &str, service: &str, endpoints: &[(&str, &str)]) -> EndpointSlice {
    let mut endpoints: Vec<_> = endpoints
        .iter()
        .map(|(address, hostname)| json!({"addresses": [address], "hostname": hostname}))
        .collect();
    endpoints.push(json!({"addresses": ["10.42.9.9"], "conditions": {"ready": false}}));
    serde_json::from_value(json!({
        "metadata": {"namespace": "a", "name": name, "labels": {EndpointSlice::SERVICE_NAME: service}},
        "ports": [{"name": "main", "protocol": "TCP", "port": 5432}],
        "endpoints": endpoints,
    }))
    .unwrap()
}
