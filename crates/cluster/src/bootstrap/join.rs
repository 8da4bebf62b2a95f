//! What lets nodes join: with a token they may ask for a certificate, and get it without anyone's help.

use meta::GroupVersionResource;
use serde_json::json;

use super::{Settings, Wanted};
use crate::reconcile::Policy;
use crate::token::{JOIN_GROUP, token_secret};

const RBAC: &str = "rbac.authorization.k8s.io";
const SECRETS: GroupVersionResource = GroupVersionResource::new("", "v1", "secrets");
const CLUSTER_ROLE_BINDINGS: GroupVersionResource =
    GroupVersionResource::new(RBAC, "v1", "clusterrolebindings");

/// Name, group, cluster role: who may ask, and whose requests are approved automatically.
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
];

pub(super) fn all(settings: &Settings) -> Vec<Wanted> {
    let Some(token) = &settings.join_token else {
        return Vec::new();
    };
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
    let secret = Wanted::new(SECRETS, Policy::CreateOnly, token_secret(token, None));
    bindings.chain([secret]).collect()
}
