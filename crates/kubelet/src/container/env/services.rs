//! Variables that tell where Services are.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort};

/// The variables of these Services; those without an address of their own have none.
pub fn variables<'a>(services: impl IntoIterator<Item = &'a Arc<Service>>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for service in services {
        of_service(service, &mut variables);
    }
    variables
}

fn of_service(service: &Service, variables: &mut BTreeMap<String, String>) {
    let (Some(spec), Some(name)) = (&service.spec, &service.metadata.name) else {
        return;
    };
    let ip = spec.cluster_ip.as_deref().unwrap_or_default();
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first().filter(|_| !matches!(ip, "" | "None")) else {
        return;
    };
    let name = upper(name);
    let mut set = |key: String, value: String| variables.insert(key, value);
    set(format!("{name}_SERVICE_HOST"), ip.to_owned());
    set(format!("{name}_SERVICE_PORT"), first.port.to_string());
    for port in ports {
        if let Some(port_name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            set(
                format!("{name}_SERVICE_PORT_{}", upper(port_name)),
                port.port.to_string(),
            );
        }
    }
    // The names Docker's links had.
    set(format!("{name}_PORT"), url(ip, first));
    for port in ports {
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol(port));
        set(format!("{prefix}_PROTO"), protocol(port).to_lowercase());
        set(format!("{prefix}_PORT"), port.port.to_string());
        set(format!("{prefix}_ADDR"), ip.to_owned());
        set(prefix, url(ip, port));
    }
}

fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

fn url(ip: &str, port: &ServicePort) -> String {
    let host = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    };
    format!("{}://{host}:{}", protocol(port).to_lowercase(), port.port)
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_port_is_told() {
        let service = |value| Arc::new(serde_json::from_value::<Service>(value).unwrap());
        let services = [
            service(
                json!({ "metadata": { "name": "my-web" }, "spec": { "clusterIP": "10.0.0.1",
                "ports": [{ "name": "http", "port": 80 }, { "name": "dns-udp", "port": 53, "protocol": "UDP" }] } }),
            ),
            service(
                json!({ "metadata": { "name": "headless" }, "spec": { "clusterIP": "None", "ports": [{ "port": 1 }] } }),
            ),
            service(
                json!({ "metadata": { "name": "six" }, "spec": { "clusterIP": "fd::1", "ports": [{ "port": 1 }] } }),
            ),
        ];
        let found = variables(&services);
        let web: Vec<_> = found
            .iter()
            .filter(|(key, _)| key.starts_with("MY_WEB"))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            web,
            [
                "MY_WEB_PORT=tcp://10.0.0.1:80",
                "MY_WEB_PORT_53_UDP=udp://10.0.0.1:53",
                "MY_WEB_PORT_53_UDP_ADDR=10.0.0.1",
                "MY_WEB_PORT_53_UDP_PORT=53",
                "MY_WEB_PORT_53_UDP_PROTO=udp",
                "MY_WEB_PORT_80_TCP=tcp://10.0.0.1:80",
                "MY_WEB_PORT_80_TCP_ADDR=10.0.0.1",
                "MY_WEB_PORT_80_TCP_PORT=80",
                "MY_WEB_PORT_80_TCP_PROTO=tcp",
                "MY_WEB_SERVICE_HOST=10.0.0.1",
                "MY_WEB_SERVICE_PORT=80",
                "MY_WEB_SERVICE_PORT_DNS_UDP=53",
                "MY_WEB_SERVICE_PORT_HTTP=80",
            ]
        );
        assert!(!found.keys().any(|key| key.starts_with("HEADLESS")));
        assert_eq!(found["SIX_PORT"], "tcp://[fd::1]:1");
    }
}
