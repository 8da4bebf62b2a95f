//! What stands below an object's path.

use meta::{GroupVersionKind, Status};
use serde_json::Value;

use crate::descriptor::Verb;

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
#[derive(Clone, Copy, Debug)]
pub enum SubresourceKind {
    /// Reads give the whole object; writes change a part of it (`status`, `ephemeralcontainers`, `approval`).
    Part,
    /// Another kind that is computed from the object and written back into it (`scale`).
    Projection {
        /// The object as the other kind.
        read: fn(&Value) -> Result<Value, Status>,
        /// The object with the other kind's wishes put in.
        write: fn(&mut Value, &Value) -> Result<(), Status>,
    },
    /// An action with a request body and an answer (`binding`, `eviction`, `token`), plugged in at assembly.
    Action,
    /// A stream to where the object runs (`log`, `exec`, `proxy`).
    Connect {
        /// Where it leads, from the object, the path below the subresource, and the decoded query.
        target: FindTarget,
    },
}

/// Where a stream leads, from the object, the path below the subresource, and the decoded query.
pub type FindTarget = fn(&Value, &str, &[(String, String)]) -> Result<ConnectTarget, Status>;

/// Where a connect subresource leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectTarget {
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
