//! A `CustomResourceDefinition` as far as serving its objects needs it.

use std::sync::Arc;

use meta::GroupResource;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    /// Who it is, and whether it is going.
    pub metadata: Metadata,
    /// What its author wants.
    pub spec: Spec,
    /// What has become of that.
    pub status: DefinitionStatus,
    /// What tells the specification from others.
    #[serde(skip)]
    pub(crate) spec_digest: [u8; 32],
}

/// Metadata of a definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Metadata {
    pub name: String,
    pub uid: String,
    pub generation: i64,
    pub deletion_timestamp: Option<String>,
    pub finalizers: Vec<String>,
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// What a definition's author wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Spec {
    pub group: String,
    pub names: Names,
    pub scope: String,
    pub versions: Vec<Version>,
    pub conversion: Value,
    pub preserve_unknown_fields: bool,
}

/// The names of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Names {
    pub plural: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub singular: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub short_names: Vec<String>,
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub list_kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

/// A version of a kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Version {
    /// `v1`.
    pub name: String,
    /// Whether requests are answered in it.
    pub served: bool,
    /// Whether objects are stored in it.
    pub storage: bool,
    /// Whether clients are warned of it.
    pub deprecated: bool,
    /// In which words, if not the usual ones.
    pub deprecation_warning: Option<String>,
    /// The schema of its objects.
    pub schema: VersionSchema,
    /// What stands below its objects.
    pub subresources: Subresources,
    /// Columns of its tables besides the name.
    pub additional_printer_columns: Vec<PrinterColumn>,
    /// What field selectors may name.
    pub selectable_fields: Vec<SelectableField>,
}

/// The schema of a version.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionSchema {
    /// Null if there is none. It can be large, and whoever serves it has the same.
    #[serde(rename = "openAPIV3Schema", deserialize_with = "shared")]
    pub open_api_v3_schema: Arc<Value>,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Value>, D::Error> {
    Value::deserialize(deserializer).map(Arc::new)
}

/// What stands below the objects of a version.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subresources {
    /// An object, mostly empty, if there is a status apart.
    pub status: Option<Value>,
    /// How many replicas there are and shall be.
    pub scale: Option<ScalePlaces>,
}

/// Where an object says how many replicas it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct ScalePlaces {
    pub spec_replicas_path: String,
    pub status_replicas_path: String,
    pub label_selector_path: Option<String>,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct PrinterColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub format: String,
    pub description: String,
    pub priority: i32,
    pub json_path: String,
}

/// A field that selectors may name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SelectableField {
    pub json_path: String,
}

/// What has become of a definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct DefinitionStatus {
    pub accepted_names: Names,
    pub conditions: Option<Vec<Condition>>,
    pub stored_versions: Vec<String>,
}

/// Something that is so or not, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl Definition {
    /// Reads the object.
    ///
    /// # Errors
    /// If a field has not the type the API gives it.
    pub fn read(object: &Value) -> Result<Self, serde_json::Error> {
        let mut definition = Self::deserialize(object)?;
        definition.spec_digest = Sha256::digest(object["spec"].to_string()).into();
        Ok(definition)
    }

    /// The definition without the schemas of its versions, by far the largest part of it.
    pub(crate) fn without_schemas(mut self) -> Self {
        for version in &mut self.spec.versions {
            version.schema.open_api_v3_schema = Arc::default();
        }
        self
    }

    /// Whether a condition is true.
    pub fn is(&self, condition: &str) -> bool {
        self.condition(condition)
            .is_some_and(|condition| condition.status == "True")
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        let mut conditions = self.status.conditions.iter().flatten();
        conditions.find(|condition| condition.kind == kind)
    }

    /// Whether it is to go.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Group and plural name, as requested.
    pub fn resource(&self) -> GroupResource {
        GroupResource {
            group: self.spec.group.clone().into(),
            resource: self.spec.names.plural.clone().into(),
        }
    }

    /// The version objects are stored in.
    pub fn storage_version(&self) -> Option<&Version> {
        self.spec.versions.iter().find(|version| version.storage)
    }
}
