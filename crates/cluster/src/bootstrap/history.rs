//! Everybody who is known may ask for the history of objects; which objects is decided for each: those that they may get.

use meta::GroupVersionResource;
use serde_json::json;

use super::Wanted;
use crate::reconcile::Policy;

const RBAC: &str = "rbac.authorization.k8s.io";
const NAME: &str = "pintle:history";

/// The path that answers.
const PATH: &str = "/pintle/v1/history";

pub(super) fn all() -> [Wanted; 2] {
    let resource = |plural| GroupVersionResource::new(RBAC, "v1", plural);
    let role = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRole",
        "metadata": {"name": NAME},
        "rules": [{"nonResourceURLs": [PATH], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": NAME},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "system:authenticated"}],
    });
    [
        Wanted::new(resource("clusterroles"), Policy::Role, role),
        Wanted::new(resource("clusterrolebindings"), Policy::RoleBinding, binding),
    ]
}
