//! Values that only functions know: quantities, addresses, URLs, versions, formats, and what asks for permission.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use meta::Quantity;

use super::authorizer::{AuthorizerValue, Decision, GroupCheck, PathCheck, ResourceCheck};
use super::named_format::NamedFormat;
use super::semver::Version;
use super::url::Url;
use crate::types::Type;

/// A value that only functions know.
#[derive(Clone)]
pub enum Opaque<'v> {
    /// `quantity('1Gi')`
    Quantity(Quantity),
    /// `ip('::1')`
    Ip(IpAddr),
    /// `cidr('10.0.0.0/8')`
    Cidr(IpAddr, u8),
    /// `url('https://…')`
    Url(Arc<Url>),
    /// `semver('1.2.3')`
    Semver(Arc<Version>),
    /// `format.dns1123Label()`
    Format(&'static NamedFormat),
    /// `authorizer`
    Authorizer(AuthorizerValue<'v>),
    /// `authorizer.path(…)`
    PathCheck(Rc<PathCheck<'v>>),
    /// `authorizer.group(…)`
    GroupCheck(Rc<GroupCheck<'v>>),
    /// `authorizer.group(…).resource(…)`
    ResourceCheck(Rc<ResourceCheck<'v>>),
    /// What a check found.
    Decision(Rc<Decision>),
}

/// The types of such values.
pub mod types {
    use crate::types::Type;

    /// An amount.
    pub const QUANTITY: Type = Type::Opaque("kubernetes.Quantity");
    /// An address.
    pub const IP: Type = Type::Opaque("net.IP");
    /// A network.
    pub const CIDR: Type = Type::Opaque("net.CIDR");
    /// A URL.
    pub const URL: Type = Type::Opaque("kubernetes.URL");
    /// A semantic version.
    pub const SEMVER: Type = Type::Opaque("kubernetes.Semver");
    /// A format that texts have names for.
    pub const FORMAT: Type = Type::Opaque("kubernetes.NamedFormat");
    /// Who may do what.
    pub const AUTHORIZER: Type = Type::Opaque("kubernetes.authorization.Authorizer");
    /// A question about a path.
    pub const PATH_CHECK: Type = Type::Opaque("kubernetes.authorization.PathCheck");
    /// The beginning of a question about a resource.
    pub const GROUP_CHECK: Type = Type::Opaque("kubernetes.authorization.GroupCheck");
    /// A question about a resource.
    pub const RESOURCE_CHECK: Type = Type::Opaque("kubernetes.authorization.ResourceCheck");
    /// An answer.
    pub const DECISION: Type = Type::Opaque("kubernetes.authorization.Decision");
}

impl Opaque<'_> {
    /// Its type.
    pub fn cel_type(&self) -> Type {
        match self {
            Self::Quantity(_) => types::QUANTITY,
            Self::Ip(_) => types::IP,
            Self::Cidr(..) => types::CIDR,
            Self::Url(_) => types::URL,
            Self::Semver(_) => types::SEMVER,
            Self::Format(_) => types::FORMAT,
            Self::Authorizer(_) => types::AUTHORIZER,
            Self::PathCheck(_) => types::PATH_CHECK,
            Self::GroupCheck(_) => types::GROUP_CHECK,
            Self::ResourceCheck(_) => types::RESOURCE_CHECK,
            Self::Decision(_) => types::DECISION,
        }
    }

    /// Bytes of an address or of a network's prefix.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Ip(IpAddr::V4(_)) => Some(4),
            Self::Ip(IpAddr::V6(_)) => Some(16),
            Self::Cidr(_, bits) => Some(u64::from(bits.div_ceil(8))),
            _ => None,
        }
    }

    /// Whether both are the same.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Quantity(left), Self::Quantity(right)) => left == right,
            (Self::Ip(left), Self::Ip(right)) => left == right,
            (Self::Cidr(left, bits), Self::Cidr(right, others)) => left == right && bits == others,
            (Self::Url(left), Self::Url(right)) => left == right,
            (Self::Semver(left), Self::Semver(right)) => left.precedence(right).is_eq(),
            (Self::Format(left), Self::Format(right)) => left.name == right.name,
            (Self::Decision(left), Self::Decision(right)) => left == right,
            (Self::PathCheck(left), Self::PathCheck(right)) => Rc::ptr_eq(left, right),
            (Self::GroupCheck(left), Self::GroupCheck(right)) => Rc::ptr_eq(left, right),
            (Self::ResourceCheck(left), Self::ResourceCheck(right)) => Rc::ptr_eq(left, right),
            _ => false,
        }
    }
}

impl fmt::Debug for Opaque<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantity(quantity) => write!(f, "{quantity}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Cidr(address, bits) => write!(f, "{address}/{bits}"),
            Self::Url(url) => write!(f, "{}", url.text),
            Self::Semver(version) => write!(f, "{version:?}"),
            Self::Format(format) => f.write_str(format.name),
            other => f.write_str(other.cel_type().runtime_name()),
        }
    }
}
