//! What is asked of an object's metadata, in whichever form it was decoded.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The metadata of an object as an informer holds it: all of it ([`ObjectMeta`]), or what components read of it
/// ([`crate::lean::Metadata`]). Texts that are not there are empty.
pub trait ObjectMetadata: Clone + Send + Sync + 'static {
    /// The object's name.
    fn name(&self) -> &str;
    /// Its namespace; empty for cluster-scoped objects.
    fn namespace(&self) -> &str;
    /// Its UID.
    fn uid(&self) -> &str;
    /// The version it is in.
    fn resource_version(&self) -> &str;
    /// The value of one of its labels.
    fn label(&self, name: &str) -> Option<&str>;
    /// Its owners.
    fn owner_references(&self) -> &[OwnerReference];
    /// When it is (or was) to be gone, if it is on its way out.
    fn deletion_timestamp(&self) -> Option<Timestamp>;

    /// Drops what no component reads before an informer keeps the object.
    fn slim(&mut self) {}
}

impl ObjectMetadata for ObjectMeta {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("")
    }

    fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("")
    }

    fn uid(&self) -> &str {
        self.uid.as_deref().unwrap_or("")
    }

    fn resource_version(&self) -> &str {
        self.resource_version.as_deref().unwrap_or("")
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(String::as_str)
    }

    fn owner_references(&self) -> &[OwnerReference] {
        self.owner_references.as_deref().unwrap_or_default()
    }

    fn deletion_timestamp(&self) -> Option<Timestamp> {
        self.deletion_timestamp.as_ref().map(|time| time.0)
    }

    /// Drops the record of who owns which field: it can be as large as all the rest, no component reads it, and the server
    /// keeps it when an object comes back without it.
    fn slim(&mut self) {
        self.managed_fields = None;
    }
}
