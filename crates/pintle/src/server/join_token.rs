//! The token with which nodes join: given, kept from an earlier start, or made at the first.

use std::path::Path;

use cluster::DataDir;
use cluster::data_dir::NODE_TOKEN;
use cluster::token::{BootstrapToken, JoinToken};
use pki::ServerPki;

use super::error::StartError;

/// The token of this cluster. The file `node-token` in the data directory says it in full, for people to copy.
pub(super) fn ensure(
    given: Option<&str>,
    data_dir: &DataDir,
    pki: &ServerPki,
) -> Result<BootstrapToken, StartError> {
    let path = data_dir.node_token();
    let kept = kept(data_dir.path())?;
    let malformed = |source| StartError::Token { source };
    let token = match given.or(kept.as_deref()) {
        Some(text) => JoinToken::parse(text).map_err(malformed)?.token,
        None => BootstrapToken::generate().ok_or(StartError::Randomness)?,
    };
    let full = JoinToken {
        authority_hash: Some(pki.authority.certificate().public_key_hash()),
        token,
    };
    let text = format!("{full}\n");
    if kept.as_deref() != Some(text.as_str()) {
        pki::file::write(&path, &text, true).map_err(StartError::pki(&path))?;
    }
    Ok(full.token)
}

/// The token of an earlier start in a data directory.
pub(super) fn kept(data_dir: &Path) -> Result<Option<String>, StartError> {
    let path = data_dir.join(NODE_TOKEN);
    pki::file::read(&path).map_err(StartError::pki(&path))
}
