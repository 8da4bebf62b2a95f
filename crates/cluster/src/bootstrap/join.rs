//! What lets machines join and work as nodes: with a token they may ask for a certificate, and get it without anyone's
//! help; with the certificate they may read what a node's network needs.

use meta::GroupVersionResource;
use serde_json::json;

use super::system::config_map;
use super::{Settings, Wanted};
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

/// Name, group, cluster role: who may ask, whose requests are approved automatically, and what the proxy, the pod network
/// and DNS of a node read.
const BINDINGS: &[(&str, &str, &str)] = &[
    ("pintle:node-bootstrapper", JOIN_GROUP, "system:node-bootstrapper"),
    (
        "pintle:node-autoapprove-bootstrap",
        JOIN_GROUP,
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    ),
    (
        "pintle:node-autoapprove-rotation",
        "system:nodes",
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    ),
    ("pintle:node-proxier", "system:nodes", "system:node-proxier"),
];

pub(super) fn all(settings: &Settings) -> Vec<Wanted> {
    let bindings = BINDINGS.iter().map(|&(name, group, role)| {
        let object = json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": group}],
        });
        Wanted::new(CLUSTER_ROLE_BINDINGS, Policy::RoleBinding, object)
    });
    let secret = settings.join_token.as_ref().map(|token| {
        let object = token_secret(token, None);
        Wanted::new(SECRETS, Policy::CreateOnly, object)
    });
    bindings
        .chain(secret)
        .chain(shared_config(settings))
        .chain(serving_approval())
        .collect()
}

/// Upstream approves no kubelet's serving certificate; pintle does if the names in it are the node's own, for which the
/// controller must see the node, and have the signer's word for it.
fn serving_approval() -> [Wanted; 2] {
    let metadata = json!({"name": "pintle:kubelet-serving-approver"});
    let role = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]},
            {
                "apiGroups": ["certificates.k8s.io"],
                "resources": ["signers"],
                "resourceNames": ["kubernetes.io/kubelet-serving"],
                "verbs": ["approve"],
            },
        ],
    });
    let binding = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "namespace": "kube-system", "name": "certificate-controller"}],
    });
    [
        Wanted::new(CLUSTER_ROLES, Policy::Role, role),
        Wanted::new(CLUSTER_ROLE_BINDINGS, Policy::RoleBinding, binding),
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
