//! OpenAPI documents and issuer documents, as the front asks for them.

use apiserver::{IssuerDocuments, OpenApiSource};
use auth::service_account::TokenKeys;
use schema::openapi::{self, Info};

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

    fn info(&self) -> Info<'_> {
        Info {
            title: "Kubernetes",
            version: &self.version,
        }
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
        let found = openapi::write_v3(path, self.info(), &mut document).unwrap_or(false);
        found.then_some(document)
    }

    fn v2(&self) -> Vec<u8> {
        let mut document = Vec::new();
        // Writing into memory cannot fail.
        let _ = openapi::write_v2(self.info(), &mut document);
        document
    }

    fn v2_protobuf(&self) -> Option<Vec<u8>> {
        openapi::v2_protobuf(self.info())
    }

    fn v3_protobuf(&self, path: &str) -> Option<Vec<u8>> {
        openapi::v3_protobuf(path, self.info())
    }
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
