//! Facts of the resources that are served: what discovery shows of them and where they are stored.

/// A served version of a group.
#[derive(Debug)]
pub struct GroupVersionFacts {
    /// `apps`, or empty for the core group.
    pub group: &'static str,
    /// `v1`.
    pub version: &'static str,
    /// Whether it is the one its group prefers.
    pub preferred: bool,
    /// Its resources, in discovery's order.
    pub resources: &'static [ResourceFacts],
}

/// A served resource.
#[derive(Debug)]
pub struct ResourceFacts {
    /// `deployments`.
    pub plural: &'static str,
    /// `deployment`.
    pub singular: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Sorted, as discovery has them.
    pub verbs: &'static [&'static str],
    /// `deploy`.
    pub short_names: &'static [&'static str],
    /// `all`.
    pub categories: &'static [&'static str],
    /// Discovery's fingerprint of the stored version; empty if nothing is stored.
    pub storage_version_hash: &'static str,
    /// Where it is stored; none for what is only computed.
    pub storage: Option<Storage>,
    /// Whether deleting one object answers with the object, rather than with a Status.
    pub delete_returns_object: bool,
    /// What stands below an object's path, in discovery's order.
    pub subresources: &'static [SubresourceFacts],
}

/// How upstream lays a resource out in etcd.
#[derive(Debug)]
pub struct Storage {
    /// The key prefix, with a slash at the end: `/registry/deployments/`.
    pub prefix: &'static str,
    /// The `apiVersion` that is stored.
    pub api_version: &'static str,
    /// Whether JSON is stored rather than protobuf.
    pub json: bool,
}

/// What stands below an object's path.
#[derive(Debug)]
pub struct SubresourceFacts {
    /// `status`.
    pub name: &'static str,
    /// Group of its bodies' kind.
    pub group: &'static str,
    /// Version of its bodies' kind.
    pub version: &'static str,
    /// The kind of its bodies.
    pub kind: &'static str,
    /// Sorted, as discovery has them.
    pub verbs: &'static [&'static str],
}

impl SubresourceFacts {
    /// Whether it is a stream to where the object runs: its kind is that of options then.
    pub fn is_connection(&self) -> bool {
        self.kind.ends_with("Options")
    }

    /// The kind whose fields its query may hold. Logs are the one answer to a plain read that has any.
    pub fn query_options(&self) -> Option<&'static str> {
        match self.name {
            "log" => Some("PodLogOptions"),
            _ if self.is_connection() => Some(self.kind),
            _ => None,
        }
    }
}

/// The served group versions, in the order of the answer to `GET /apis`, the core group first.
pub fn group_versions() -> &'static [GroupVersionFacts] {
    crate::generated::resources::GROUP_VERSIONS
}

/// Groups and versions that upstream's server knows, whether served or not, sorted.
pub(crate) fn known_group_versions() -> &'static [(&'static str, &'static str)] {
    crate::generated::resources::KNOWN
}

/// The served resources, each with its group version, in discovery's order.
pub fn resources() -> impl Iterator<Item = (&'static GroupVersionFacts, &'static ResourceFacts)> {
    group_versions()
        .iter()
        .flat_map(|version| version.resources.iter().map(move |resource| (version, resource)))
}
