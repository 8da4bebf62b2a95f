//! The ways in which impersonation can be allowed, the narrowest first.

use meta::User;
use meta::field::{FieldError, Path};
use meta::identity::{GROUP_MASTERS, GROUP_NODES, GROUP_SERVICE_ACCOUNTS};
use meta::name::domain_prefixed_path;
use meta::quote::quote;

use super::complete;
use super::wanted::WantedUser;
use crate::attributes::ResourceTarget;

const AUTHENTICATION: &str = "authentication.k8s.io";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// Of so many parts or more, the right on all is asked for first.
const MANY: usize = 4;

/// What a mode asks of a requester.
#[derive(Debug)]
pub(super) enum Need<'a> {
    /// The right on this.
    Right(ResourceTarget<'a>),
    /// The right on all, or else on each.
    Rights {
        /// All at once.
        all: ResourceTarget<'a>,
        /// One by one.
        each: Vec<ResourceTarget<'a>>,
    },
    /// It is refused, whatever the requester may, for this reason.
    Nothing(ResourceTarget<'a>, String),
}

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

    /// What the requester needs the verb for: the name, the UID, the groups and the further facts, in this order.
    pub fn needs(self, wanted: &WantedUser) -> Vec<Need<'_>> {
        if self == Self::AssociatedNode {
            // That it is the right node is known already.
            return vec![Need::Right(part("nodes", "*"))];
        }
        let is_narrow = self != Self::Legacy;
        // The old way asks about names and groups as of parts of the core group.
        let named = |target| ResourceTarget {
            group: if is_narrow { AUTHENTICATION } else { "" },
            ..target
        };
        let mut needs = vec![Need::Right(named(self.who(wanted)))];
        if !wanted.uid.is_empty() {
            needs.push(Need::Right(part("uids", &wanted.uid)));
        }
        if is_narrow {
            needs.extend(unfit_group(&wanted.groups));
        }
        let groups = wanted.groups.iter();
        let groups = groups.map(|group| named(part("groups", group))).collect();
        needs.extend(rights(is_narrow, part("groups", "*"), groups));
        if is_narrow {
            let unfit = wanted
                .extra
                .iter()
                .find_map(|(key, values)| unfit_extra(key, values));
            needs.extend(unfit.map(|why| Need::Nothing(part("userextras", ""), why)));
        }
        let facts =
            (wanted.extra.iter()).flat_map(|(key, values)| values.iter().map(move |value| fact(key, value)));
        needs.extend(rights(is_narrow, fact("*", "*"), facts.collect()));
        needs
    }

    /// The name that is wanted, as a resource.
    fn who(self, wanted: &WantedUser) -> ResourceTarget<'_> {
        match (self, wanted.node(), wanted.service_account()) {
            (Self::ArbitraryNode, Some(node), _) => part("nodes", node),
            (_, _, Some((namespace, name))) => ResourceTarget {
                namespace,
                ..part("serviceaccounts", name)
            },
            _ => part("users", &wanted.name),
        }
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
    let path = Path::new("extra.key");
    let problems = domain_prefixed_path(key);
    let problems = problems
        .iter()
        .map(|problem| FieldError::invalid(&path, key, problem));
    if let Some(problems) = meta::aggregate(problems) {
        return Some(format!(
            "impersonating an invalid key in extra is not allowed: {problems}"
        ));
    }
    if key != key.to_lowercase() {
        let key = quote(key);
        return Some(format!(
            "impersonating a non-lowercase key in extra is not allowed: {key}"
        ));
    }
    let is_empty = values.iter().any(String::is_empty);
    is_empty.then(|| "impersonating the empty string value in extra is not allowed".to_owned())
}

/// What of the wanted groups the narrow ways let nobody be in, and why.
fn unfit_group(groups: &[String]) -> Option<Need<'_>> {
    let never = |group: &str, shown, name| {
        let why = format!("impersonating the {shown} group is not allowed");
        let is_wanted = groups.iter().any(|wanted| wanted == group);
        is_wanted.then(|| Need::Nothing(part("groups", name), why))
    };
    never("", "empty string", "").or_else(|| never(GROUP_MASTERS, GROUP_MASTERS, GROUP_MASTERS))
}

/// The rights on `each`. Where the narrow ways want many at once, the right on `all` does as well.
fn rights<'a>(is_narrow: bool, all: ResourceTarget<'a>, each: Vec<ResourceTarget<'a>>) -> Vec<Need<'a>> {
    if is_narrow && each.len() >= MANY {
        return vec![Need::Rights { all, each }];
    }
    each.into_iter().map(Need::Right).collect()
}

/// A part of the wanted user, as a resource of its own.
fn part<'a>(resource: &'a str, name: &'a str) -> ResourceTarget<'a> {
    ResourceTarget {
        group: AUTHENTICATION,
        version: "v1",
        resource,
        name,
        ..ResourceTarget::default()
    }
}

/// A further fact about the wanted user.
fn fact<'a>(key: &'a str, value: &'a str) -> ResourceTarget<'a> {
    ResourceTarget {
        subresource: key,
        ..part("userextras", value)
    }
}

fn is_on_node(requester: &User, node: Option<&str>) -> bool {
    let on = requester.extra.get(NODE_NAME).map(Vec::as_slice);
    requester.as_service_account().is_some()
        && node.is_some_and(|node| matches!(on, Some([only]) if only == node))
}
