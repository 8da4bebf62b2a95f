//! The ways in which impersonation can be allowed, the narrowest first.

use meta::User;
use meta::field::{FieldError, Path};
use meta::identity::{GROUP_MASTERS, GROUP_NODES, GROUP_SERVICE_ACCOUNTS};
use meta::name::domain_prefixed_path;

use super::complete;
use super::wanted::WantedUser;
use crate::attributes::ResourceTarget;

const AUTHENTICATION: &str = "authentication.k8s.io";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// A way in which impersonation can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The node on which the requester, a pod, runs.
    AssociatedNode,
    /// Any node.
    ArbitraryNode,
    /// A service account.
    ServiceAccount,
    /// Any other user.
    UserInfo,
    /// Anyone, for any action.
    Legacy,
}

impl Mode {
    pub const ALL: [Self; 5] = [
        Self::AssociatedNode,
        Self::ArbitraryNode,
        Self::ServiceAccount,
        Self::UserInfo,
        Self::Legacy,
    ];

    /// Whether the wanted user is of the kind that this mode is for.
    pub fn applies(self, wanted: &WantedUser, requester: &User) -> bool {
        match self {
            Self::AssociatedNode => wanted.is_name_only() && is_on_node(requester, wanted.node()),
            Self::ArbitraryNode => wanted.is_name_only() && wanted.node().is_some(),
            Self::ServiceAccount => wanted.is_name_only() && wanted.service_account().is_some(),
            Self::UserInfo => wanted.node().is_none() && wanted.service_account().is_none(),
            Self::Legacy => true,
        }
    }

    /// The mode's name in verbs; none for the old way, which does not limit the action.
    pub fn constraint(self) -> Option<&'static str> {
        match self {
            Self::AssociatedNode => Some("associated-node"),
            Self::ArbitraryNode => Some("arbitrary-node"),
            Self::ServiceAccount => Some("serviceaccount"),
            Self::UserInfo => Some("user-info"),
            Self::Legacy => None,
        }
    }

    /// The verb that allows to act as somebody.
    pub fn verb(self) -> String {
        match self.constraint() {
            Some(name) => format!("impersonate:{name}"),
            None => String::from("impersonate"),
        }
    }

    /// On what the requester needs the verb.
    pub fn targets(self, wanted: &WantedUser) -> Vec<ResourceTarget<'_>> {
        let node = |name| ResourceTarget {
            group: AUTHENTICATION,
            version: "v1",
            resource: "nodes",
            name,
            ..ResourceTarget::default()
        };
        match self {
            // That it is the right node is known already.
            Self::AssociatedNode => vec![node("*")],
            Self::ArbitraryNode => vec![node(wanted.node().unwrap_or_default())],
            Self::ServiceAccount | Self::UserInfo => parts(wanted, AUTHENTICATION),
            Self::Legacy => parts(wanted, ""),
        }
    }

    /// What of the wanted user the narrow ways let nobody be, and why.
    pub fn unfit(self, wanted: &WantedUser) -> Option<(ResourceTarget<'_>, String)> {
        self.constraint()?;
        let part = |resource, name| ResourceTarget {
            group: AUTHENTICATION,
            version: "v1",
            resource,
            name,
            ..ResourceTarget::default()
        };
        let group = wanted.groups.iter().find_map(|group| {
            let what = match group.as_str() {
                "" => "empty string",
                GROUP_MASTERS => GROUP_MASTERS,
                _ => return None,
            };
            let why = format!("impersonating the {what} group is not allowed");
            Some((part("groups", group.as_str()), why))
        });
        let extra = || {
            wanted
                .extra
                .iter()
                .find_map(|(key, values)| unfit_extra(key, values))
        };
        group.or_else(|| extra().map(|why| (part("userextras", ""), why)))
    }

    /// The user to go on with.
    pub fn user(self, wanted: &WantedUser) -> User {
        let mut user = User {
            name: wanted.name.clone(),
            uid: wanted.uid.clone(),
            groups: wanted.groups.clone(),
            extra: wanted.extra.clone(),
        };
        match self {
            Self::AssociatedNode | Self::ArbitraryNode => user.groups.push(GROUP_NODES.to_owned()),
            _ => {
                if let Some((namespace, _)) = wanted.service_account().filter(|_| user.groups.is_empty()) {
                    user.groups.push(GROUP_SERVICE_ACCOUNTS.to_owned());
                    user.groups.push(format!("{GROUP_SERVICE_ACCOUNTS}:{namespace}"));
                }
            }
        }
        complete(user)
    }
}

/// Why a fact about a user is none that the narrow ways let anybody have.
fn unfit_extra(key: &str, values: &[String]) -> Option<String> {
    if key.is_empty() {
        return Some("impersonating the empty string key in extra is not allowed".to_owned());
    }
    if let Some(problem) = domain_prefixed_path(key).first() {
        let problem = FieldError::invalid(&Path::new("extra.key"), key, problem);
        return Some(format!(
            "impersonating an invalid key in extra is not allowed: {problem}"
        ));
    }
    let is_empty = values.iter().any(String::is_empty);
    is_empty.then(|| "impersonating the empty string value in extra is not allowed".to_owned())
}

/// Each part of the wanted user is a resource of its own. `group` is that of users, groups and service accounts.
fn parts<'a>(wanted: &'a WantedUser, group: &'a str) -> Vec<ResourceTarget<'a>> {
    let part = |resource, name| ResourceTarget {
        group,
        version: "v1",
        resource,
        name,
        ..ResourceTarget::default()
    };
    let mut parts = vec![match wanted.service_account() {
        Some((namespace, name)) => ResourceTarget {
            namespace,
            ..part("serviceaccounts", name)
        },
        None => part("users", wanted.name.as_str()),
    }];
    parts.extend(wanted.groups.iter().map(|name| part("groups", name.as_str())));
    for (key, values) in &wanted.extra {
        parts.extend(values.iter().map(|value| ResourceTarget {
            group: AUTHENTICATION,
            subresource: key,
            ..part("userextras", value)
        }));
    }
    if !wanted.uid.is_empty() {
        parts.push(ResourceTarget {
            group: AUTHENTICATION,
            ..part("uids", wanted.uid.as_str())
        });
    }
    parts
}

fn is_on_node(requester: &User, node: Option<&str>) -> bool {
    let on = requester.extra.get(NODE_NAME).map(Vec::as_slice);
    requester.as_service_account().is_some()
        && node.is_some_and(|node| matches!(on, Some([only]) if only == node))
}
