//! What only the recorded OpenAPI document tells: the group versions a server knows, and which deletions answer with the
//! object.

use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::Error;

/// Facts of the recorded document.
pub struct Facts {
    document: Value,
}

/// What most deletions answer with.
const STATUS: &str = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// What every known group version has a kind of.
const IN_EVERY_GROUP_VERSION: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

impl Facts {
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            document: serde_json::from_reader(GzDecoder::new(file))?,
        })
    }

    /// Groups and versions that the server knows, whether served or not, sorted.
    pub fn group_versions(&self) -> Vec<(&str, &str)> {
        let kinds = &self.document["definitions"][IN_EVERY_GROUP_VERSION]["x-kubernetes-group-version-kind"];
        let mut group_versions: Vec<(&str, &str)> = kinds
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|kind| Some((kind["group"].as_str()?, kind["version"].as_str()?)))
            .collect();
        group_versions.sort_unstable();
        group_versions
    }

    /// Whether deleting one object of a resource answers with the object.
    pub fn delete_returns_object(&self, group: &str, version: &str, plural: &str, namespaced: bool) -> bool {
        let root = if group.is_empty() {
            "/api".to_owned()
        } else {
            format!("/apis/{group}")
        };
        let namespace = if namespaced { "/namespaces/{namespace}" } else { "" };
        let path = format!("{root}/{version}{namespace}/{plural}/{{name}}");
        let answer = &self.document["paths"][path]["delete"]["responses"]["200"]["schema"]["$ref"];
        answer.as_str().is_some_and(|schema| schema != STATUS)
    }
}
