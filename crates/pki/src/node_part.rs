//! The parts of a node that are clients of the API under names of their own.

use crate::profile::Profile;

/// A part of a node that reads what the node itself may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePart {
    /// The service proxy, under upstream's name.
    Proxy,
    /// The pod network.
    PodNetwork,
    /// Cluster DNS.
    ClusterDns,
}

/// The group of a node's parts, before the node's name.
const GROUP_PREFIX: &str = "system:pintle:node:";

impl NodePart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Proxy, Self::PodNetwork, Self::ClusterDns];

    /// The name of its kubeconfig, without `.conf`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::PodNetwork => "pod-network",
            Self::ClusterDns => "cluster-dns",
        }
    }

    /// Who it is to the API; the same on all nodes.
    pub fn user(self) -> &'static str {
        match self {
            Self::Proxy => "system:kube-proxy",
            Self::PodNetwork => "system:pintle:pod-network",
            Self::ClusterDns => "system:pintle:cluster-dns",
        }
    }

    /// The part that is that user.
    pub fn of_user(user: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.user() == user)
    }

    /// The group that says on which node a part runs.
    pub fn group(node: &str) -> String {
        format!("{GROUP_PREFIX}{node}")
    }

    /// It as a client of the API server.
    pub fn profile(self, node: &str) -> Profile {
        Profile::client(self.user(), &[&Self::group(node)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_by_user_and_nodes_by_group() {
        for part in NodePart::ALL {
            assert_eq!(NodePart::of_user(part.user()), Some(part));
            assert_eq!(part.profile("a").organizations, ["system:pintle:node:a"]);
        }
        assert_eq!(NodePart::of_user("system:node:a"), None);
    }
}
