//! The seam to what changes: decisions that depend on objects follow these objects.

use meta::GroupResource;
use serde_json::Value;

/// Keeps up with objects of some resources. Fed by the server's watch caches: first everything there is, then each change.
pub trait Follower: Send + Sync {
    /// The resources to follow.
    fn resources(&self) -> Vec<GroupResource>;

    /// Whether an object is none of its business, by the values of the kind's selectable fields. It is not told of such an
    /// object, or, if it knows it already, that it is gone.
    fn passes_over<'o>(&self, _resource: &GroupResource, _field: &dyn Fn(&str) -> Option<&'o str>) -> bool {
        false
    }

    /// An object that is there, new or changed. Changes of its metadata alone may not be told.
    fn set(&self, resource: &GroupResource, object: &Value);

    /// An object that is gone. The namespace is empty for cluster-scoped ones.
    fn remove(&self, resource: &GroupResource, namespace: &str, name: &str);
}
