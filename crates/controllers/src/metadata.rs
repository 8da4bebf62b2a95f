//! What is read of an object: its metadata alone, and of that the least.

use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The finalizer that keeps an owner until its dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer that keeps an owner until its dependents are let go.
pub(crate) const ORPHAN: &str = "orphan";

/// An object as a `PartialObjectMetadata`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Partial {
    pub(crate) metadata: Metadata,
}

/// The metadata that decides.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    deletion_timestamp: Option<Present>,
    pub(crate) owner_references: Vec<OwnerReference>,
    pub(crate) finalizers: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Present(IgnoredAny);

impl Metadata {
    pub(crate) fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    pub(crate) fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|known| known == finalizer)
    }

    /// Whether it is kept until its dependents are gone.
    pub(crate) fn waits_for_dependents(&self) -> bool {
        self.is_deleting() && self.has_finalizer(FOREGROUND)
    }

    /// Whether it is kept until its dependents are let go.
    pub(crate) fn orphans_dependents(&self) -> bool {
        self.is_deleting() && self.has_finalizer(ORPHAN)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn owner(kind: &str, name: &str, uid: &str, blocks: bool) -> OwnerReference {
        OwnerReference {
            api_version: "v1".into(),
            kind: kind.into(),
            name: name.into(),
            uid: uid.into(),
            block_owner_deletion: Some(blocks),
            ..OwnerReference::default()
        }
    }

    pub(crate) fn object(namespace: &str, uid: &str, owners: Vec<OwnerReference>) -> Metadata {
        Metadata {
            name: uid.into(),
            namespace: namespace.into(),
            uid: uid.into(),
            owner_references: owners,
            ..Metadata::default()
        }
    }

    pub(crate) fn deleting(mut object: Metadata, finalizer: &str) -> Metadata {
        object.deletion_timestamp = Some(Present(IgnoredAny));
        object.finalizers.push(finalizer.into());
        object
    }
}
