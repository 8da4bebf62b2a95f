//! Groups, versions, kinds and resources: how a type is named on the wire and in a path.

use std::borrow::Cow;
use std::fmt;

/// A string that is a literal for built-in types and owned for custom resources.
pub type Name = Cow<'static, str>;

/// An API group and one of its versions; the core group is the empty string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersion {
    /// `apps`, or empty for the core group.
    pub group: Name,
    /// `v1`.
    pub version: Name,
}

impl GroupVersion {
    /// A group version from literals.
    pub const fn new(group: &'static str, version: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
        }
    }

    /// Reads an `apiVersion`: `v1` or `apps/v1`. More than one slash is an error, as upstream has it.
    pub fn parse(api_version: &str) -> Option<Self> {
        match api_version.split_once('/') {
            None => Some(Self {
                group: Cow::Borrowed(""),
                version: Cow::Owned(api_version.to_owned()),
            }),
            Some((_, version)) if version.contains('/') => None,
            Some((group, version)) => Some(Self {
                group: Cow::Owned(group.to_owned()),
                version: Cow::Owned(version.to_owned()),
            }),
        }
    }

    /// The kind of that name in this group version.
    pub fn kind(&self, kind: impl Into<Name>) -> GroupVersionKind {
        GroupVersionKind {
            group: self.group.clone(),
            version: self.version.clone(),
            kind: kind.into(),
        }
    }

    /// The resource of that name in this group version.
    pub fn resource(&self, resource: impl Into<Name>) -> GroupVersionResource {
        GroupVersionResource {
            group: self.group.clone(),
            version: self.version.clone(),
            resource: resource.into(),
        }
    }
}

/// Written as an `apiVersion`.
impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.version)
        } else {
            write!(f, "{}/{}", self.group, self.version)
        }
    }
}

/// A type of object: group, version and kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionKind {
    /// `apps`, or empty for the core group.
    pub group: Name,
    /// `v1`.
    pub version: Name,
    /// `Deployment`.
    pub kind: Name,
}

impl GroupVersionKind {
    /// A kind from literals.
    pub const fn new(group: &'static str, version: &'static str, kind: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
        }
    }

    /// Its group version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion {
            group: self.group.clone(),
            version: self.version.clone(),
        }
    }

    /// The `apiVersion` of objects of this kind.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }
}

/// Written as upstream writes it in messages: `apps/v1, Kind=Deployment`.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

/// A collection of objects: group, version and plural name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionResource {
    /// `apps`, or empty for the core group.
    pub group: Name,
    /// `v1`.
    pub version: Name,
    /// `deployments`.
    pub resource: Name,
}

impl GroupVersionResource {
    /// A resource from literals.
    pub const fn new(group: &'static str, version: &'static str, resource: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            resource: Cow::Borrowed(resource),
        }
    }

    /// Its group version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion {
            group: self.group.clone(),
            version: self.version.clone(),
        }
    }

    /// The resource without its version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource {
            group: self.group.clone(),
            resource: self.resource.clone(),
        }
    }
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Resource={}", self.group, self.version, self.resource)
    }
}

/// A resource whatever its version; the form in which messages name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupResource {
    /// `apps`, or empty for the core group.
    pub group: Name,
    /// `deployments`.
    pub resource: Name,
}

impl GroupResource {
    /// A resource from literals.
    pub const fn new(group: &'static str, resource: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            resource: Cow::Borrowed(resource),
        }
    }
}

/// `pods`, `deployments.apps`.
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_are_read_and_written() {
        for text in ["v1", "apps/v1", "rbac.authorization.k8s.io/v1"] {
            assert_eq!(
                GroupVersion::parse(text).map(|gv| gv.to_string()).as_deref(),
                Some(text)
            );
        }
        assert_eq!(GroupVersion::parse("a/b/c"), None);
    }

    #[test]
    fn messages_name_things_as_upstream_does() {
        assert_eq!(
            GroupVersionKind::new("", "v1", "Pod").to_string(),
            "/v1, Kind=Pod"
        );
        assert_eq!(
            GroupResource::new("apps", "deployments").to_string(),
            "deployments.apps"
        );
        assert_eq!(GroupResource::new("", "pods").to_string(), "pods");
    }
}
