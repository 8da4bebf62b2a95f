//! Namespaces, priority classes, the `kubernetes` Service and what extension API servers need to know.

use std::net::IpAddr;

use meta::GroupVersionResource;
use serde_json::{Value, json};

use super::{Settings, Wanted};
use crate::masters;
use crate::reconcile::Policy;

const NAMESPACES: GroupVersionResource = GroupVersionResource::new("", "v1", "namespaces");
const PRIORITY_CLASSES: GroupVersionResource =
    GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses");
const SERVICE_CIDRS: GroupVersionResource =
    GroupVersionResource::new("networking.k8s.io", "v1", "servicecidrs");
const SERVICES: GroupVersionResource = GroupVersionResource::new("", "v1", "services");
pub(super) const CONFIG_MAPS: GroupVersionResource = GroupVersionResource::new("", "v1", "configmaps");

const SERVICE_PORT: u16 = 443;
const DNS_PORT: u16 = 53;

pub(super) fn namespaces() -> Vec<Wanted> {
    ["default", "kube-node-lease", "kube-public", "kube-system"]
        .into_iter()
        .map(|name| {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            Wanted::new(NAMESPACES, Policy::CreateOnly, object)
        })
        .collect()
}

pub(super) fn priority_classes() -> Vec<Wanted> {
    [
        (
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ]
    .into_iter()
    .map(|(name, value, description)| {
        let object = json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": description,
        });
        Wanted::new(PRIORITY_CLASSES, Policy::CreateOnly, object)
    })
    .collect()
}

/// The service range, the Service that leads to the API server, and its endpoints.
pub(super) fn services(settings: &Settings) -> Vec<Wanted> {
    let range = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {
            "name": "kubernetes",
            "finalizers": ["networking.k8s.io/service-cidr-finalizer"],
        },
        "spec": {"cidrs": settings.service_cidrs},
    });
    let range = Wanted::new(SERVICE_CIDRS, Policy::CreateOnly, range).with_status(json!({
        "conditions": [{
            "type": "Ready",
            "status": "True",
            "reason": "",
            "message": "Kubernetes Service CIDR is ready",
        }],
    }));
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": settings.service_address,
            "clusterIPs": [settings.service_address],
            "ipFamilies": [family(settings.service_address.is_ipv6())],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [{
                "name": "https",
                "protocol": "TCP",
                "port": SERVICE_PORT,
                "targetPort": settings.port,
            }],
        },
    });
    let mut all = vec![
        range,
        Wanted::new(SERVICES, Policy::Fields(&["spec/ports"]), service),
        Wanted::new(
            SERVICES,
            Policy::CreateOnly,
            dns_service(settings.shared.cluster_dns),
        ),
    ];
    all.extend(masters::endpoints(&settings.masters));
    all
}

/// Cluster DNS under the name that tools know. It has no selector: the nodes themselves answer.
fn dns_service(address: IpAddr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {
                "k8s-app": "kube-dns",
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": [family(address.is_ipv6())],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [
                {"name": "dns", "protocol": "UDP", "port": DNS_PORT, "targetPort": DNS_PORT},
                {"name": "dns-tcp", "protocol": "TCP", "port": DNS_PORT, "targetPort": DNS_PORT},
            ],
        },
    })
}

fn family(is_v6: bool) -> &'static str {
    if is_v6 { "IPv6" } else { "IPv4" }
}

/// What an extension API server must know to believe this one, and since when old tokens are tracked.
pub(super) fn config_maps(settings: &Settings) -> Vec<Wanted> {
    let authentication = json!({
        "client-ca-file": settings.client_authority,
        "requestheader-allowed-names": r#"["front-proxy-client"]"#,
        "requestheader-client-ca-file": settings.front_proxy_authority,
        "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
        "requestheader-group-headers": r#"["X-Remote-Group"]"#,
        "requestheader-uid-headers": r#"["X-Remote-Uid"]"#,
        "requestheader-username-headers": r#"["X-Remote-User"]"#,
    });
    let today = settings.now.strftime("%Y-%m-%d").to_string();
    vec![
        config_map(
            "kube-system",
            "extension-apiserver-authentication",
            Policy::Fields(&["data"]),
            authentication,
        ),
        config_map(
            "kube-system",
            "kube-apiserver-legacy-service-account-token-tracking",
            Policy::CreateOnly,
            json!({"since": today}),
        ),
    ]
}

pub(super) fn config_map(namespace: &str, name: &str, policy: Policy, data: Value) -> Wanted {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    });
    Wanted::new(CONFIG_MAPS, policy, object)
}
