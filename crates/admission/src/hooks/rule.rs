//! One rule: operations on resources.

use meta::GroupVersionResource;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::hooks::{name_of, namespace_of};
use crate::request::{items, text};

const ANY: &str = "*";

/// Operations on resources.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    /// Resource and subresource.
    resources: Vec<(String, String)>,
    /// Objects of these names alone; empty: of any.
    names: Vec<String>,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Any,
    Cluster,
    Namespaced,
}

impl Rule {
    /// Reads a rule of a webhook, or (with `resourceNames`) of a policy.
    pub(crate) fn read(rule: &Value) -> Self {
        let resources = texts(rule, "/resources").into_iter();
        Self {
            operations: texts(rule, "/operations"),
            groups: texts(rule, "/apiGroups"),
            versions: texts(rule, "/apiVersions"),
            resources: resources
                .map(|resource| match resource.split_once('/') {
                    Some((resource, part)) => (resource.to_owned(), part.to_owned()),
                    None => (resource, String::new()),
                })
                .collect(),
            names: texts(rule, "/resourceNames"),
            scope: match text(rule, "/scope") {
                "Cluster" => Scope::Cluster,
                "Namespaced" => Scope::Namespaced,
                _ => Scope::Any,
            },
        }
    }

    /// Whether it is about the request, taken as one for `resource`.
    pub(crate) fn matches(&self, request: &AdmissionRequest<'_>, resource: &GroupVersionResource) -> bool {
        self.covers_scope(request)
            && covers(&self.operations, request.operation.as_str())
            && covers(&self.groups, &resource.group)
            && covers(&self.versions, &resource.version)
            && self.covers_resource(&resource.resource, request.subresource)
            && (self.names.is_empty() || self.names.iter().any(|name| name == name_of(request)))
    }

    fn covers_scope(&self, request: &AdmissionRequest<'_>) -> bool {
        // A namespace lies in none, though requests for it carry its name.
        let in_namespace = request.resource.resource != "namespaces" && !namespace_of(request).is_empty();
        match self.scope {
            Scope::Any => true,
            Scope::Namespaced => in_namespace,
            Scope::Cluster => !in_namespace,
        }
    }

    fn covers_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|(wanted, part)| {
            (wanted == ANY || wanted == resource) && (part == ANY || part == subresource)
        })
    }

    /// Whether it is about that operation on anything.
    pub(crate) fn concerns(&self, operation: Operation) -> bool {
        covers(&self.operations, operation.as_str())
    }
}

fn covers(wanted: &[String], asked: &str) -> bool {
    wanted.iter().any(|wanted| wanted == ANY || wanted == asked)
}

fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let items = items(object, pointer).iter();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
