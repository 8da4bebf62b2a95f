//! What a service of some type needs: addresses, ports, policies.

use serde_json::Value;

use crate::toolkit::columns::{list, text};

fn is_type(spec: &Value, kinds: &[&str]) -> bool {
    kinds.contains(&text(spec, &["type"]))
}

/// An address within the cluster.
pub fn cluster_ip(spec: &Value) -> bool {
    !is_type(spec, &["ExternalName"])
}

/// A rule for traffic from within the cluster.
pub fn internal_traffic_policy(spec: &Value) -> bool {
    is_type(spec, &["ClusterIP", "NodePort", "LoadBalancer"])
}

/// Whether ports of nodes make sense, even if none are handed out.
pub fn may_have_node_ports(spec: &Value) -> bool {
    is_type(spec, &["NodePort", "LoadBalancer"])
}

/// Ports on every node.
pub fn node_ports(spec: &Value) -> bool {
    is_type(spec, &["NodePort"])
        || (is_type(spec, &["LoadBalancer"]) && spec["allocateLoadBalancerNodePorts"] != Value::Bool(false))
}

/// A port on which nodes say whether they have endpoints.
pub fn health_check_node_port(spec: &Value) -> bool {
    is_type(spec, &["LoadBalancer"]) && spec["externalTrafficPolicy"] == "Local"
}

/// Whether traffic can come from outside of the cluster.
pub fn is_reachable_from_outside(spec: &Value) -> bool {
    is_type(spec, &["NodePort", "LoadBalancer"])
        || (is_type(spec, &["ClusterIP"]) && !list(spec, &["externalIPs"]).is_empty())
}

/// Whether it is without an address of its own.
pub fn is_headless(spec: &Value) -> bool {
    spec["clusterIP"] == "None" || list(spec, &["clusterIPs"]).first().is_some_and(|ip| ip == "None")
}

/// A balancer's class.
pub fn load_balancer_class(spec: &Value) -> bool {
    is_type(spec, &["LoadBalancer"])
}
