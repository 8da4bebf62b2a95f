//! What stands below an object's path.

use std::fmt;
use std::sync::Arc;

use meta::{GroupVersionKind, Status};
use serde_json::Value;

use crate::descriptor::Verb;
use crate::table::{Column, Row};

/// A subresource of a resource.
#[derive(Clone, Debug)]
pub struct Subresource {
    /// `status`, `scale`, `exec`.
    pub name: String,
    /// The kind of its bodies, where they are not the resource's own.
    pub kind: GroupVersionKind,
    /// Verbs served.
    pub verbs: Vec<Verb>,
    /// How it works.
    pub works_as: SubresourceKind,
}

/// How a subresource works.
#[derive(Clone, Debug)]
pub enum SubresourceKind {
    /// Reads give the whole object; writes change a part of it (`status`, `ephemeralcontainers`, `approval`).
    Part,
    /// Another kind that is computed from the object and written back into it (`scale`).
    Projection(Arc<dyn Projection>),
    /// An action with a request body and an answer (`binding`, `eviction`, `token`), plugged in at assembly.
    Action,
    /// A stream to where the object runs (`log`, `exec`, `proxy`).
    Connect {
        /// Where it leads.
        target: FindTarget,
    },
}

/// How an object is seen as one of another kind.
pub trait Projection: Send + Sync + fmt::Debug {
    /// The object as the other kind.
    ///
    /// # Errors
    /// If it lacks what the other kind needs.
    fn read(&self, object: &Value) -> Result<Value, Status>;

    /// The same where it is about to be changed: what it lacks may be what the change brings.
    ///
    /// # Errors
    /// As [`Projection::read`].
    fn read_to_change(&self, object: &Value) -> Result<Value, Status> {
        self.read(object)
    }

    /// Columns of the table that shows the other kind.
    fn columns(&self) -> Vec<Column> {
        crate::table::default_columns()
    }

    /// The cells of what was read, for those columns. `now` is seconds since the epoch, for ages.
    fn row(&self, read: &Value, now: i64) -> Row {
        crate::table::default_row(read, now)
    }

    /// Where in the object stands what the other kind has in `spec.replicas`.
    fn place_of_replicas(&self) -> Vec<&str> {
        vec!["spec", "replicas"]
    }

    /// Puts the other kind's wishes into the object.
    ///
    /// # Errors
    /// If they cannot be granted.
    fn write(&self, object: &mut Value, wishes: &Value) -> Result<(), Status>;
}

/// Where a stream leads, or why it leads nowhere.
pub type FindTarget = fn(&ConnectRequest<'_>) -> Result<ConnectTarget, Status>;

/// A request for a stream.
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest<'a> {
    /// The object, found by the name that [`ProxyName`] finds in the URL for `proxy`, by the whole name for the others.
    pub object: &'a Value,
    /// The name as it stands in the URL: `web`, `https:web:8443`.
    pub name: &'a str,
    /// The path below the subresource, with a slash at the start, or empty.
    pub path: &'a str,
    /// The decoded query.
    pub query: &'a [(String, String)],
}

/// The name in a URL to be proxied: `name`, `name:port`, `scheme:name:port` (of which the scheme and the port may be empty).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyName<'a> {
    /// `http` or `https`; empty if not given.
    pub scheme: &'a str,
    /// The object's name.
    pub name: &'a str,
    /// A port's number or name; empty if not given.
    pub port: &'a str,
}

impl<'a> ProxyName<'a> {
    /// Takes the name apart; none if it has another form.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(':');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (scheme, name, port) = match parts {
            (Some(name), None, ..) => ("", name, ""),
            (Some(name), Some(port), None, _) => ("", name, port),
            (Some(scheme @ ("" | "http" | "https")), Some(name), Some(port), None) => (scheme, name, port),
            _ => return None,
        };
        (!name.is_empty()).then_some(Self { scheme, name, port })
    }
}

/// Where a connect subresource leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectTarget {
    /// Nowhere yet: the answer is an empty text (the log of a pod without a node).
    Nothing,
    /// A path (with query) of a node's kubelet.
    Kubelet {
        /// The node.
        node: String,
        /// Path and query at the kubelet: `/containerLogs/ns/pod/container?follow=true`.
        path_and_query: String,
    },
    /// An address in the pod or node network.
    Address {
        /// `http` or `https`.
        scheme: String,
        /// IP address or host name.
        host: String,
        /// Port.
        port: u16,
        /// Path and query there.
        path_and_query: String,
    },
    /// A port of a Service, to be resolved to one of its endpoints.
    Service {
        /// `http` or `https`.
        scheme: String,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Port name or number; empty for the only one.
        port: String,
        /// Path and query there.
        path_and_query: String,
    },
}

#[cfg(test)]
mod tests {
    use super::ProxyName;

    #[test]
    fn names_to_be_proxied_are_taken_apart() {
        for (text, expected) in [
            ("a", Some(("", "a", ""))),
            ("a:80", Some(("", "a", "80"))),
            ("https:a:web", Some(("https", "a", "web"))),
            ("https:a:", Some(("https", "a", ""))),
            (":a:1", Some(("", "a", "1"))),
            ("ftp:a:1", None),
            ("a:b:c:d", None),
            (":1", None),
            ("", None),
        ] {
            let found = ProxyName::parse(text).map(|name| (name.scheme, name.name, name.port));
            assert_eq!(found, expected, "{text}");
        }
    }
}
