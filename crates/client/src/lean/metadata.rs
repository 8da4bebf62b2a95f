//! What components read of an object's metadata.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Labels, Shared};
use crate::metadata::ObjectMetadata;

/// The annotations that are kept. Others' can be long, and different for each object; whoever comes to read one names it here.
const ANNOTATIONS: [&str; 3] = [
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-index-failure-count",
    "controller.kubernetes.io/pod-deletion-cost",
];

/// An object's metadata, the fields as in `ObjectMeta`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Metadata {
    pub name: Option<String>,
    pub namespace: Option<Shared<str>>,
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub creation_timestamp: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    pub labels: Option<Shared<Labels>>,
    #[serde(default, deserialize_with = "annotations")]
    pub annotations: Option<Shared<Labels>>,
    pub finalizers: Option<Shared<[String]>>,
    pub owner_references: Option<Shared<[OwnerReference]>>,
}

impl ObjectMetadata for Metadata {
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
        self.labels.as_ref()?.get(name)
    }

    fn owner_references(&self) -> &[OwnerReference] {
        self.owner_references.as_deref().unwrap_or_default()
    }

    fn deletion_timestamp(&self) -> Option<Timestamp> {
        self.deletion_timestamp.as_ref().map(|time| time.0)
    }
}

fn annotations<'de, D>(deserializer: D) -> Result<Option<Shared<Labels>>, D::Error>
where
    D: Deserializer<'de>,
{
    let annotations = Option::<BTreeMap<String, String>>::deserialize(deserializer)?;
    let mut annotations = annotations.unwrap_or_default();
    annotations.retain(|name, _| ANNOTATIONS.contains(&name.as_str()));
    Ok((!annotations.is_empty()).then(|| Labels::from(annotations).into()))
}
