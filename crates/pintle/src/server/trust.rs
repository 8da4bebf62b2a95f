//! The keys and certificates the API server works with: those of the data directory, or of files that flags name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pki::{Authority, Certificate, Identity, Key, PkiError, PublicKey, ServerPki, TokenKey};

use super::error::StartError;
use super::options::ServerOptions;
use crate::settings::SigningFiles;

/// What the API server believes, and what it proves itself with.
pub(super) struct Trust {
    /// PEM of the authorities that pods verify the API server by.
    pub root_authority: String,
    /// Signs certificates that are asked for.
    pub signing_authority: Arc<Authority>,
    /// PEM of the authorities that sign clients.
    pub client_authority: String,
    /// PEM of the authorities that sign front proxies.
    pub front_proxy_authority: String,
    /// PEM of the authorities that sign kubelets' own certificates.
    pub kubelet_authority: String,
    /// The API's own certificate.
    pub serving: Identity,
    /// The server towards kubelets.
    pub kubelet_client: Identity,
    /// The server towards other API servers.
    pub front_proxy_client: Identity,
    /// Signs service account tokens.
    pub token_key: TokenKey,
    /// Other keys whose tokens are believed.
    pub other_token_keys: Vec<PublicKey>,
    /// Tokens of users, in CSV; empty if there are none.
    pub static_tokens: String,
}

impl Trust {
    /// From the data directory's, with the files that are named in their places.
    pub(super) fn new(pki: &ServerPki, options: &ServerOptions) -> Result<Self, StartError> {
        let files = &options.api.files;
        let authority = pki.authority.certificate().to_pem();
        let text = |path: &Option<PathBuf>, or: String| path.as_deref().map_or(Ok(or), read);
        let mut other_token_keys = Vec::new();
        for path in &files.token_keys {
            let keys = PublicKey::all_from_pem(&read(path)?);
            other_token_keys.extend(keys.map_err(unusable(path))?);
        }
        let token_key = match &files.token_signing_key {
            Some(path) => TokenKey::from(Key::from_pem(&read(path)?).map_err(unusable(path))?),
            None => pki.service_account_key.clone(),
        };
        Ok(Self {
            signing_authority: match signing(&options.controllers.signing)? {
                Some(authority) => Arc::new(authority),
                None => pki.authority.clone(),
            },
            root_authority: text(&options.controllers.root_authority, authority.clone())?,
            kubelet_authority: text(&files.kubelet_authority, authority.clone())?,
            client_authority: text(&files.client_authority, authority)?,
            front_proxy_authority: text(
                &files.front_proxy_authority,
                pki.front_proxy_authority.certificate().to_pem(),
            )?,
            serving: identity(&files.serving_certificate, &files.serving_key, &pki.serving)?,
            kubelet_client: identity(
                &files.kubelet_client_certificate,
                &files.kubelet_client_key,
                &pki.kubelet_client,
            )?,
            front_proxy_client: identity(
                &files.front_proxy_client_certificate,
                &files.front_proxy_client_key,
                &pki.front_proxy_client,
            )?,
            token_key,
            other_token_keys,
            static_tokens: text(&files.static_tokens, String::new())?,
        })
    }
}

/// The authority that is named to sign certificates.
fn signing(files: &SigningFiles) -> Result<Option<Authority>, StartError> {
    match (&files.certificate, &files.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let signing = Certificate::from_pem(&read(certificate)?).map_err(unusable(certificate))?;
            let key = Key::from_pem(&read(key)?).map_err(unusable(key))?;
            Authority::new(signing, key)
                .map(Some)
                .map_err(unusable(certificate))
        }
        (Some(alone), None) | (None, Some(alone)) => Err(StartError::HalfPair { path: alone.clone() }),
    }
}

/// A certificate and its key from files; one alone leads nowhere.
fn identity(
    certificate: &Option<PathBuf>,
    key: &Option<PathBuf>,
    or: &Identity,
) -> Result<Identity, StartError> {
    match (certificate, key) {
        (None, None) => Ok(or.clone()),
        (Some(certificate), Some(key)) => {
            Identity::from_pem(read(certificate)?, read(key)?).map_err(unusable(certificate))
        }
        (Some(alone), None) | (None, Some(alone)) => Err(StartError::HalfPair { path: alone.clone() }),
    }
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|source| StartError::Read {
        path: path.to_owned(),
        source,
    })
}

fn unusable(path: &Path) -> impl FnOnce(PkiError) -> StartError {
    let path = path.to_owned();
    move |source| StartError::Pki { path, source }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pki::{Layout, Wanted};

    use super::*;

    #[test]
    fn files_take_the_place_of_what_is_kept() {
        let pki =
            ServerPki::ensure(&Layout::in_memory(), &Wanted::default(), Timestamp::now()).expect("made");
        let folder = tempfile::tempdir().expect("folder");
        let other = ServerPki::ensure(
            &Layout::in_folder(folder.path()),
            &Wanted::default(),
            Timestamp::now(),
        );
        let other = other.expect("made");
        other.service_account_key.get().expect("made");
        let layout = Layout::in_folder(folder.path());
        let mut options = ServerOptions::unset().expect("the defaults are good");
        let files = &mut options.api.files;
        files.client_authority = Some(layout.certificate("ca"));
        files.serving_certificate = Some(layout.certificate("apiserver"));
        files.serving_key = Some(layout.key("apiserver"));
        files.token_keys = vec![layout.public_key("sa")];
        let trust = Trust::new(&pki, &options).expect("read");
        assert_eq!(trust.client_authority, other.authority.certificate().to_pem());
        assert_eq!(
            trust.serving.certificate.fingerprint(),
            other.serving.certificate.fingerprint()
        );
        assert_eq!(trust.other_token_keys.len(), 1);
        assert_eq!(trust.kubelet_authority, pki.authority.certificate().to_pem());

        options.api.files.serving_key = None;
        assert!(matches!(
            Trust::new(&pki, &options),
            Err(StartError::HalfPair { .. })
        ));
        options.api.files.serving_certificate = None;
        options.api.files.client_authority = Some(folder.path().join("missing"));
        assert!(matches!(Trust::new(&pki, &options), Err(StartError::Read { .. })));
    }
}
