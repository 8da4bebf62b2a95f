//! What an authorizer is asked about: who, which verb, on what.

use std::fmt;

use meta::field_selector::FieldSelector;
use meta::label_selector::LabelSelector;
use meta::quote::quote;
use meta::{GroupResource, Status, User};

/// One question to an [`Authorizer`](crate::Authorizer).
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a User,
    /// `get`, `list`, `impersonate`, or a lower-case HTTP method for a path that is no resource.
    pub verb: &'a str,
    /// On what.
    pub target: Target<'a>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// An object or a collection of the API.
    Resource(ResourceTarget<'a>),
    /// Any other path: `/healthz`.
    Path(&'a str),
}

/// An object or a collection of the API. Empty text means absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceTarget<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// API version.
    pub version: &'a str,
    /// Plural name.
    pub resource: &'a str,
    /// What stands below the object.
    pub subresource: &'a str,
    /// Namespace; empty at cluster scope.
    pub namespace: &'a str,
    /// Name of the object; empty for a collection.
    pub name: &'a str,
    /// The field selector of a list, watch or deletecollection; none if it cannot be read.
    pub field_selector: Option<&'a FieldSelector>,
    /// The label selector; none if it cannot be read.
    pub label_selector: Option<&'a LabelSelector>,
}

impl<'a> Attributes<'a> {
    /// A question about a resource.
    pub fn resource(user: &'a User, verb: &'a str, target: ResourceTarget<'a>) -> Self {
        Self {
            user,
            verb,
            target: Target::Resource(target),
        }
    }

    /// A question about a path.
    pub fn path(user: &'a User, verb: &'a str, path: &'a str) -> Self {
        Self {
            user,
            verb,
            target: Target::Path(path),
        }
    }

    /// Whether the verb only reads: `get`, `list` or `watch`.
    pub fn is_read_only(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch")
    }

    /// The 403 that tells the user so; `reason` is the authorizer's, or empty.
    pub fn forbidden(&self, reason: &str) -> Status {
        let text = if reason.is_empty() {
            self.to_string()
        } else {
            format!("{self}: {reason}")
        };
        match self.target {
            Target::Path(_) => Status::forbidden(&GroupResource::new("", ""), "", &text),
            Target::Resource(r) => Status::forbidden(&r.group_resource(), r.name, &text),
        }
    }
}

impl ResourceTarget<'_> {
    /// Group and plural name, as messages have it.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource {
            group: self.group.to_owned().into(),
            resource: self.resource.to_owned().into(),
        }
    }

    /// Whether the field selector demands that `field` equals exactly `value`.
    pub fn selects_field(&self, field: &str, value: &str) -> bool {
        self.field_selector
            .and_then(|selector| selector.required_value(field))
            == Some(value)
    }
}

/// The sentence of a denial: `User "x" cannot get resource "pods" in API group "" in the namespace "d"`.
impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User {} cannot {} ", quote(&self.user.name), self.verb)?;
        match self.target {
            Target::Path(path) => write!(f, "path {}", quote(path)),
            Target::Resource(r) => {
                write!(f, "resource \"{}", r.resource)?;
                if !r.subresource.is_empty() {
                    write!(f, "/{}", r.subresource)?;
                }
                write!(f, "\" in API group {} ", quote(r.group))?;
                if r.namespace.is_empty() {
                    f.write_str("at the cluster scope")
                } else {
                    write!(f, "in the namespace {}", quote(r.namespace))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(
        subresource: &'static str,
        namespace: &'static str,
        name: &'static str,
    ) -> ResourceTarget<'static> {
        ResourceTarget {
            resource: "pods",
            subresource,
            namespace,
            name,
            ..ResourceTarget::default()
        }
    }

    #[test]
    fn denials_read_as_upstream() {
        let user = User::new("x", &[]);
        let deployments = ResourceTarget {
            group: "apps",
            resource: "deployments",
            namespace: "d",
            name: "web",
            ..ResourceTarget::default()
        };
        let cases = [
            (
                Attributes::resource(&user, "list", resource("", "d", "")),
                "",
                r#"pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "d""#,
            ),
            (
                Attributes::resource(&user, "get", resource("log", "d", "p")),
                "",
                r#"pods "p" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "d""#,
            ),
            (
                Attributes::resource(&user, "list", resource("", "", "")),
                "",
                r#"pods is forbidden: User "x" cannot list resource "pods" in API group "" at the cluster scope"#,
            ),
            (
                Attributes::resource(&user, "get", deployments),
                "why",
                r#"deployments.apps "web" is forbidden: User "x" cannot get resource "deployments" in API group "apps" in the namespace "d": why"#,
            ),
            (
                Attributes::path(&user, "get", "/logs"),
                "",
                r#"forbidden: User "x" cannot get path "/logs""#,
            ),
        ];
        for (attributes, reason, message) in cases {
            assert_eq!(attributes.forbidden(reason).message, message);
        }
    }
}
