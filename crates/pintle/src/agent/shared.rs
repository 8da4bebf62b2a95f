//! What every node must know of its cluster: read from the server, and kept for starts at which no server is there.

use std::path::Path;

use client::k8s_openapi::api::core::v1::ConfigMap;
use client::{Client, Error};
use cluster::shared::{NAME, NAMESPACE, Shared, SharedError};
use pki::PkiError;

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The server does not tell, and nothing was kept.
    #[error("the server does not tell")]
    Api(#[from] Error),
    /// It is not understood.
    #[error(transparent)]
    Content(#[from] SharedError),
    /// The copy cannot be kept.
    #[error("the copy cannot be kept")]
    Copy(#[from] PkiError),
}

/// Reads it from the server, or if that fails from `copy`.
pub(super) async fn read(client: &Client, copy: &Path) -> Result<Shared, ReadError> {
    match client.get::<ConfigMap>(NAMESPACE, NAME).await {
        Ok(map) => {
            let data = map.data.unwrap_or_default();
            let shared = Shared::from_data(&data)?;
            let text = serde_json::json!(data).to_string();
            if pki::file::read(copy)?.as_deref() != Some(text.as_str()) {
                pki::file::write(copy, &text, true)?;
            }
            Ok(shared)
        }
        Err(error) => match kept(copy) {
            Some(shared) => {
                tracing::warn!(%error, "no server answers; starting with what is known from earlier");
                Ok(shared)
            }
            None => Err(error.into()),
        },
    }
}

fn kept(copy: &Path) -> Option<Shared> {
    let text = pki::file::read(copy).ok()??;
    let data = serde_json::from_str(&text).ok()?;
    Shared::from_data(&data).ok()
}
