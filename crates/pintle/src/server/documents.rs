//! OpenAPI documents and issuer documents, as the front asks for them.

use std::collections::HashMap;
use std::sync::Arc;

use apiserver::{IssuerDocuments, OpenApiSource};
use auth::service_account::TokenKeys;
use descriptions::Descriptions;
use registry::{Registry, Resource};
use resource::{Column, Kind, SubresourceKind};
use schema::openapi::{self, Custom, Describe, Info};
use serde_json::Value;

use super::error::StartError;

/// The documents of all kinds that are served.
pub(super) struct OpenApi {
    version: String,
    registry: Registry,
}

impl OpenApi {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            version: crate::version::api_version(),
            registry,
        }
    }

    /// The custom resources of a group version, or all.
    fn custom(&self, of: Option<&str>) -> Vec<Arc<Resource>> {
        let resources = self.registry.resources();
        let custom = resources.iter().filter(|resource| {
            let kind = resource.kind();
            kind.is_custom() && of.is_none_or(|of| kind.descriptor().kind.api_version() == of)
        });
        custom.cloned().collect()
    }

    /// Those that have a document of their own.
    fn custom_of_path(&self, path: &str) -> Vec<Arc<Resource>> {
        let of = path.strip_prefix("apis/").filter(|_| !is_built_in(path));
        of.map(|of| self.custom(Some(of))).unwrap_or_default()
    }

    /// The descriptions are unpacked for each document, and gone when it is made.
    fn with_info<T>(&self, make: impl FnOnce(Info<'_>) -> T) -> T {
        let descriptions = Descriptions::unpack();
        if let Err(error) = &descriptions {
            tracing::error!(%error, "the descriptions of types cannot be unpacked");
        }
        make(Info {
            title: "Kubernetes",
            version: &self.version,
            descriptions: descriptions.as_ref().map_or(&(), |known| known as &dyn Describe),
        })
    }
}

fn is_built_in(path: &str) -> bool {
    openapi::v3_documents().iter().any(|document| document == path)
}

/// A custom resource with the schema by which it was defined.
struct Defined(Arc<Resource>, Value);

impl Defined {
    fn all(resources: Vec<Arc<Resource>>) -> Vec<Self> {
        let defined = resources.into_iter().map(|resource| {
            let schema = resource.kind().open_api().unwrap_or_default();
            Self(resource, schema)
        });
        defined.collect()
    }
}

/// A custom resource as documents want it.
fn described(Defined(resource, schema): &Defined) -> Custom<'_> {
    let descriptor = resource.kind().descriptor();
    Custom {
        group: &descriptor.kind.group,
        version: &descriptor.kind.version,
        kind: &descriptor.kind.kind,
        list_kind: &descriptor.list_kind,
        plural: &descriptor.plural,
        namespaced: descriptor.is_namespaced(),
        status: descriptor.subresource("status").is_some(),
        scale: descriptor.subresource("scale").is_some(),
        selectable: resource.kind().selectable_field_names(),
        schema,
    }
}

impl OpenApiSource for OpenApi {
    fn revision(&self, path: &str) -> u64 {
        // What is built in stays as it is.
        if is_built_in(path) {
            0
        } else {
            self.registry.changes()
        }
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = openapi::v3_documents();
        for resource in self.custom(None) {
            let path = format!("apis/{}", resource.kind().descriptor().kind.api_version());
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    fn v3(&self, path: &str) -> Option<Vec<u8>> {
        let mut document = Vec::new();
        let custom = self.custom_of_path(path);
        if !custom.is_empty() {
            let custom = Defined::all(custom);
            let custom: Vec<_> = custom.iter().map(described).collect();
            // Writing into memory cannot fail.
            let _ = self.with_info(|info| openapi::write_v3_custom(&custom, info, &mut document));
            return Some(document);
        }
        // Writing into memory cannot fail.
        let found = self
            .with_info(|info| openapi::write_v3(path, info, &mut document))
            .unwrap_or(false);
        found.then_some(document)
    }

    fn v2(&self) -> Vec<u8> {
        let mut document = Vec::new();
        // Writing into memory cannot fail.
        let custom = Defined::all(self.custom(None));
        let custom: Vec<_> = custom.iter().map(described).collect();
        let _ = self.with_info(|info| openapi::write_v2(info, &custom, &mut document));
        document
    }

    fn v2_protobuf(&self) -> Option<Vec<u8>> {
        let custom = Defined::all(self.custom(None));
        let custom: Vec<_> = custom.iter().map(described).collect();
        self.with_info(|info| openapi::v2_protobuf(info, &custom))
    }

    fn v3_protobuf(&self, path: &str) -> Option<Vec<u8>> {
        let custom = self.custom_of_path(path);
        if custom.is_empty() {
            return self.with_info(|info| openapi::v3_protobuf(path, info));
        }
        let custom = Defined::all(custom);
        let custom: Vec<_> = custom.iter().map(described).collect();
        self.with_info(|info| openapi::v3_custom_protobuf(&custom, info))
    }
}

/// The descriptions of the fields that columns of tables show.
pub(super) fn column_texts() -> HashMap<&'static str, String> {
    let Ok(descriptions) = Descriptions::unpack() else {
        return HashMap::new();
    };
    let columns = kinds::all().into_iter().flat_map(columns_of);
    let texts = columns.filter_map(|column| {
        let (of, field) = column.field.rsplit_once('.')?;
        let prefix = if of.starts_with("io.k8s.") {
            ""
        } else {
            "io.k8s.api."
        };
        let text = descriptions.of_field(&format!("{prefix}{of}"), field)?;
        // What OpenAPI adds to a field's own words is not for tables.
        let own = text.split("\n\nPossible enum values:").next().unwrap_or(text);
        Some((column.field, own.to_owned()))
    });
    texts.collect()
}

/// The columns of a kind, and of what its subresources show.
fn columns_of(kind: Arc<dyn Kind>) -> Vec<Column> {
    let subresources = kind.descriptor().subresources.iter();
    let shown = subresources.filter_map(|subresource| match &subresource.works_as {
        SubresourceKind::Projection(projection) => Some(projection.columns()),
        _ => None,
    });
    kind.columns().into_iter().chain(shown.flatten()).collect()
}

/// What the issuer of service account tokens says of itself and its keys, which lie with this server or elsewhere.
pub(super) fn issuer(
    issuer: &str,
    keys_at: Option<&str>,
    keys: &dyn TokenKeys,
) -> Result<IssuerDocuments, StartError> {
    let keys = keys
        .keys()
        .map_err(|error| StartError::Authentication(error.to_string()))?;
    let keys_at = keys_at.map_or_else(|| format!("{issuer}/openid/v1/jwks"), str::to_owned);
    let text = |value: serde_json::Value| value.to_string().into_bytes().into();
    Ok(IssuerDocuments {
        configuration: text(pki::openid_configuration(issuer, &keys_at, &keys)),
        keys: text(pki::jwks(&keys)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_a_column_shows_is_described() {
        let texts = column_texts();
        for column in kinds::all().iter().flat_map(|kind| kind.columns()) {
            let is_known = column.field.is_empty() || texts.contains_key(column.field);
            assert!(is_known, "{} of {}", column.name, column.field);
        }
        assert!(texts.len() > 50, "{}", texts.len());
    }
}
