//! OpenAPI documents and issuer documents, as the front asks for them.

use std::collections::HashMap;

use apiserver::{IssuerDocuments, OpenApiSource};
use auth::service_account::TokenKeys;
use descriptions::Descriptions;
use schema::openapi::{self, Describe, Info};

use super::error::StartError;

/// The documents of the built-in kinds.
pub(super) struct BuiltInOpenApi {
    version: String,
}

impl BuiltInOpenApi {
    pub(super) fn new() -> Self {
        Self {
            version: crate::version::api_version(),
        }
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

impl OpenApiSource for BuiltInOpenApi {
    fn revision(&self) -> u64 {
        0
    }

    fn paths(&self) -> Vec<String> {
        openapi::v3_documents()
    }

    fn v3(&self, path: &str) -> Option<Vec<u8>> {
        let mut document = Vec::new();
        // Writing into memory cannot fail.
        let found = self
            .with_info(|info| openapi::write_v3(path, info, &mut document))
            .unwrap_or(false);
        found.then_some(document)
    }

    fn v2(&self) -> Vec<u8> {
        let mut document = Vec::new();
        // Writing into memory cannot fail.
        let _ = self.with_info(|info| openapi::write_v2(info, &mut document));
        document
    }

    fn v2_protobuf(&self) -> Option<Vec<u8>> {
        self.with_info(openapi::v2_protobuf)
    }

    fn v3_protobuf(&self, path: &str) -> Option<Vec<u8>> {
        self.with_info(|info| openapi::v3_protobuf(path, info))
    }
}

/// The descriptions of the fields that columns of tables show.
pub(super) fn column_texts() -> HashMap<&'static str, String> {
    let Ok(descriptions) = Descriptions::unpack() else {
        return HashMap::new();
    };
    let columns = kinds::all().into_iter().flat_map(|kind| kind.columns());
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
