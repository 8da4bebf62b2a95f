//! Who makes a request, as authentication found out.

use std::collections::BTreeMap;

/// The identity behind a request. Groups are what RBAC binds most often; extra carries facts such as the pod a token is
/// bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// `kubernetes-admin`, `system:serviceaccount:kube-system:deployment-controller`, `system:node:a`.
    pub name: String,
    /// Unique identity across time, where the authenticator knows one.
    pub uid: String,
    /// Groups, in the order the authenticator gave them.
    pub groups: Vec<String>,
    /// Further facts, by key.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Who may do anything.
pub const GROUP_MASTERS: &str = "system:masters";
/// Every authenticated user.
pub const GROUP_AUTHENTICATED: &str = "system:authenticated";
/// Requests without credentials.
pub const GROUP_UNAUTHENTICATED: &str = "system:unauthenticated";
/// Kubelets.
pub const GROUP_NODES: &str = "system:nodes";
/// Every service account.
pub const GROUP_SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// The user of requests without credentials.
pub const USER_ANONYMOUS: &str = "system:anonymous";

impl User {
    /// A user in the given groups.
    pub fn new(name: impl Into<String>, groups: &[&str]) -> Self {
        Self {
            name: name.into(),
            groups: groups.iter().map(|&g| g.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The identity of a service account, with the groups upstream gives it.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let of_namespace = format!("{GROUP_SERVICE_ACCOUNTS}:{namespace}");
        Self::new(
            format!("system:serviceaccount:{namespace}:{name}"),
            &[GROUP_SERVICE_ACCOUNTS, &of_namespace, GROUP_AUTHENTICATED],
        )
    }

    /// Whether the user is in `group`.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }

    /// Namespace and name, if this is a service account.
    pub fn as_service_account(&self) -> Option<(&str, &str)> {
        self.name.strip_prefix("system:serviceaccount:")?.split_once(':')
    }

    /// The node's name, if this is a kubelet: a `system:node:` user in the `system:nodes` group.
    pub fn as_node(&self) -> Option<&str> {
        self.name
            .strip_prefix("system:node:")
            .filter(|_| self.in_group(GROUP_NODES))
    }
}
