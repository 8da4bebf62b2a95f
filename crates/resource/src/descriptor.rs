//! Facts about a served resource: what discovery shows and where it is stored.

use meta::{GroupResource, GroupVersionKind, GroupVersionResource};
use schema::SchemaRef;

use crate::subresource::Subresource;

/// Whether objects live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One set of names in the cluster.
    Cluster,
    /// One set of names in each namespace.
    Namespaced,
}

/// A verb of the API, as RBAC and discovery spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Verb {
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    Update,
    Watch,
}

impl Verb {
    /// As discovery spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
        }
    }
}

/// The form in which upstream's servers store the objects of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredForm {
    /// The `apiVersion` they are stored in; empty for the one they are served in.
    pub api_version: String,
    /// Whether they are stored as protobuf, rather than as JSON.
    pub protobuf: bool,
}

/// Facts about one resource in one version.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// Group, version and kind.
    pub kind: GroupVersionKind,
    /// The kind of its lists.
    pub list_kind: String,
    /// The plural name in paths: `deployments`.
    pub plural: String,
    /// `deployment`.
    pub singular: String,
    /// Cluster or namespaced.
    pub scope: Scope,
    /// Verbs served, in discovery's order (alphabetical).
    pub verbs: Vec<Verb>,
    /// `deploy`.
    pub short_names: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
    /// What stands below an object's path.
    pub subresources: Vec<Subresource>,
    /// The store's key prefix with a slash at the end, as upstream lays etcd out: `/registry/deployments/`. Two versions
    /// of a resource, or two groups that serve the same objects, have the same. Empty if nothing is stored.
    pub storage_prefix: String,
    /// The form objects have in a store that upstream's servers use too.
    pub stored_form: StoredForm,
    /// Discovery's fingerprint of the stored version.
    pub storage_version_hash: String,
    /// Where objects of this kind stand in the type table.
    pub schema: SchemaRef<'static>,
}

impl Descriptor {
    /// Group, version and plural name.
    pub fn resource(&self) -> GroupVersionResource {
        self.kind.group_version().resource(self.plural.clone())
    }

    /// Group and plural name, as messages have it.
    pub fn group_resource(&self) -> GroupResource {
        self.resource().group_resource()
    }

    /// Whether objects live in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// Whether `verb` is served.
    pub fn serves(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }
}
