//! What lets machines join and work as nodes: with a token they may ask for a certificate, and get it without anyone's
//! help; with the certificate they may ask for those of their parts, which read what a node's network needs.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::GroupVersionResource;
use pki::NodePart;
use serde_json::{Value, json};

use super::system::config_map;
use super::{Settings, Wanted};
use crate::masters::is_reachable;
use crate::reconcile::Policy;
use crate::shared;
use crate::token::{JOIN_GROUP, token_secret};

const RBAC: &str = "rbac.authorization.k8s.io";
const SECRETS: GroupVersionResource = GroupVersionResource::new("", "v1", "secrets");
const CLUSTER_ROLE_BINDINGS: GroupVersionResource =
    GroupVersionResource::new(RBAC, "v1", "clusterrolebindings");

const CLUSTER_ROLES: GroupVersionResource = GroupVersionResource::new(RBAC, "v1", "clusterroles");
const ROLES: GroupVersionResource = GroupVersionResource::new(RBAC, "v1", "roles");
const ROLE_BINDINGS: GroupVersionResource = GroupVersionResource::new(RBAC, "v1", "rolebindings");

/// Name, group, cluster role: who may ask, and whose requests to become a node are approved automatically.
const BINDINGS: &[(&str, &str, &str)] = &[
    ("pintle:node-bootstrapper", JOIN_GROUP, "system:node-bootstrapper"),
    (
        "pintle:node-autoapprove-bootstrap",
        JOIN_GROUP,
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    ),
];

pub(super) fn all(settings: &Settings) -> Vec<Wanted> {
    let bindings = BINDINGS.iter().map(|&(name, group, role)| {
        cluster_role_binding(
            name,
            role,
            json!({"apiGroup": RBAC, "kind": "Group", "name": group}),
        )
    });
    let secret = settings.join_token.as_ref().map(|token| {
        let object = token_secret(token, None);
        Wanted::new(SECRETS, Policy::CreateOnly, object)
    });
    bindings
        .chain(secret)
        .chain(shared_config(settings))
        .chain(cluster_info(&settings.client_authority, &settings.masters))
        .chain(approval())
        .chain(parts())
        .chain(retired())
        .collect()
}

fn cluster_role(name: &str, rules: Value) -> Wanted {
    let object = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    });
    Wanted::new(CLUSTER_ROLES, Policy::Role, object)
}

fn cluster_role_binding(name: &str, role: &str, subject: Value) -> Wanted {
    let object = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    });
    Wanted::new(CLUSTER_ROLE_BINDINGS, Policy::RoleBinding, object)
}

/// What `kubeadm join` looks up before it knows anything of the cluster: where the API is and who vouches for it, for anybody
/// to read, and signed with each token that may sign (by the controller `bootstrap-signer`). It names one server: of several
/// masters the first in the order of addresses, so that all of them write the same. Nothing if no other machine reaches any.
pub fn cluster_info(authority: &str, masters: &[SocketAddr]) -> Vec<Wanted> {
    const NAMESPACE: &str = "kube-public";
    const NAME: &str = "cluster-info";
    let reachable = masters.iter().filter(|server| is_reachable(server.ip()));
    let Some(server) = reachable.min() else {
        return Vec::new();
    };
    let authority = STANDARD.encode(authority);
    let kubeconfig = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://{server}\n  \
         name: \"\"\ncontexts: null\ncurrent-context: \"\"\nkind: Config\nusers: null\n"
    );
    let metadata = json!({"namespace": NAMESPACE, "name": format!("pintle:{NAME}")});
    let role = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "Role",
        "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [NAME], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": metadata["name"]},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "system:anonymous"}],
    });
    let data = json!({"kubeconfig": kubeconfig});
    vec![
        config_map(NAMESPACE, NAME, Policy::Fields(&["data/kubeconfig"]), data),
        Wanted::new(ROLES, Policy::Role, role),
        Wanted::new(ROLE_BINDINGS, Policy::RoleBinding, binding),
    ]
}

/// Nodes had the proxy's rights once, when their parts had no names of their own; and renewing what is theirs
/// took a right of its own.
fn retired() -> impl Iterator<Item = Wanted> {
    let bindings = [
        "pintle:node-proxier",
        "pintle:node-autoapprove-rotation",
        "pintle:kubelet-serving-approver",
    ];
    bindings.into_iter().map(|name| {
        let object = json!({"metadata": {"name": name}});
        Wanted::new(CLUSTER_ROLE_BINDINGS, Policy::Retired, object)
    })
}

/// What the pod network and DNS of a node read. The proxy has upstream's role.
fn parts() -> [Wanted; 4] {
    let reads = |group: &str, resource: &str| json!({"apiGroups": [group], "resources": [resource], "verbs": ["get", "list", "watch"]});
    let binding = |name: &str, part: NodePart| {
        cluster_role_binding(
            name,
            name,
            json!({"apiGroup": RBAC, "kind": "User", "name": part.user()}),
        )
    };
    let (network, dns) = ("pintle:pod-network", "pintle:cluster-dns");
    let of_dns = [
        reads("", "services"),
        reads("discovery.k8s.io", "endpointslices"),
        reads("", "nodes"),
    ];
    [
        cluster_role(network, json!([reads("", "nodes")])),
        binding(network, NodePart::PodNetwork),
        cluster_role(dns, json!(of_dns)),
        binding(dns, NodePart::ClusterDns),
    ]
}

/// Upstream approves no kubelet's serving certificate; pintle does if the names in it are the node's own, for which the
/// controller must see the node, and have the signer's word for it. It also approves those of a node's parts.
fn approval() -> [Wanted; 2] {
    let approver = "pintle:node-certificate-approver";
    let rules = json!([
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]},
        {
            "apiGroups": ["certificates.k8s.io"],
            "resources": ["signers"],
            "resourceNames": ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client"],
            "verbs": ["approve"],
        },
    ]);
    let controller =
        json!({"kind": "ServiceAccount", "namespace": "kube-system", "name": "certificate-controller"});
    [
        cluster_role(approver, rules),
        cluster_role_binding(approver, approver, controller),
    ]
}

/// What every node must know, and the right of nodes to read it.
fn shared_config(settings: &Settings) -> [Wanted; 3] {
    let (namespace, name) = (shared::NAMESPACE, shared::NAME);
    let data = json!(settings.shared.to_data());
    let metadata = json!({"namespace": namespace, "name": format!("pintle:{name}")});
    let role = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "Role",
        "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": metadata["name"]},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "system:nodes"}],
    });
    [
        config_map(namespace, name, Policy::Fields(&["data"]), data),
        Wanted::new(ROLES, Policy::Role, role),
        Wanted::new(ROLE_BINDINGS, Policy::RoleBinding, binding),
    ]
}
