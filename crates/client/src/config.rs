//! How to reach a server: from a kubeconfig file, or put together by the program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;

use crate::https::bearer;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a kubeconfig.
    #[error("{path} is not a kubeconfig: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something the context names is not in the file.
    #[error("the kubeconfig has no {what} named {name:?}")]
    Missing {
        /// `context`, `cluster`, `user`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The address is not a URL.
    #[error("{0:?} is not the address of a server")]
    Server(String),
    /// Certificates or keys are not usable.
    #[error("the {what} is not usable: {reason}")]
    Credential {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// A server and the credentials to use there.
#[derive(Clone, Debug, Default)]
pub struct ClientConfig {
    /// `https://HOST:PORT`.
    pub server: String,
    /// PEM certificates that may have signed the server's; none means that no server is trusted.
    pub certificate_authority: Vec<u8>,
    /// PEM client certificate chain and its private key.
    pub client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    /// Bearer token.
    pub token: Option<String>,
}

impl ClientConfig {
    /// Reads the current context of a kubeconfig file.
    pub fn from_kubeconfig(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let file: KubeconfigFile = serde_saphyr::from_slice(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        file.resolve(path.parent().unwrap_or(Path::new(".")))
    }

    /// How to speak TLS with the server, for who makes connections without [`crate::https`].
    pub fn tls(&self) -> Result<rustls::ClientConfig, ConfigError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.certificate_authority) {
            let certificate = certificate.map_err(|e| credential("certificate authority", &e))?;
            roots
                .add(certificate)
                .map_err(|e| credential("certificate authority", &e))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| credential("TLS configuration", &e))?
            .with_root_certificates(roots);
        let Some((chain, key)) = &self.client_certificate else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| credential("client certificate", &e))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| credential("client key", &e))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|e| credential("client certificate", &e))
    }

    /// The `Authorization` header that goes with every request; none if the credentials are a certificate.
    pub fn bearer_token(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let Some(token) = &self.token else { return Ok(None) };
        let header = bearer(token.trim()).ok_or(ConfigError::Credential {
            what: "token",
            reason: String::from("it holds characters that no header may hold"),
        })?;
        Ok(Some(header))
    }
}

fn credential(what: &'static str, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::Credential {
        what,
        reason: error.to_string(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct KubeconfigFile {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
}

impl KubeconfigFile {
    fn resolve(self, folder: &Path) -> Result<ClientConfig, ConfigError> {
        let missing = |what, name: &str| ConfigError::Missing {
            what,
            name: name.to_owned(),
        };
        let context = self
            .contexts
            .into_iter()
            .find(|c| c.name == self.current_context)
            .ok_or_else(|| missing("context", &self.current_context))?
            .context;
        let cluster = self
            .clusters
            .into_iter()
            .find(|c| c.name == context.cluster)
            .ok_or_else(|| missing("cluster", &context.cluster))?
            .cluster;
        let user = match context.user.as_str() {
            "" => User::default(),
            name => {
                self.users
                    .into_iter()
                    .find(|u| u.name == name)
                    .ok_or_else(|| missing("user", name))?
                    .user
            }
        };
        let certificate = inline_or_file(
            "client certificate",
            folder,
            user.client_certificate_data,
            user.client_certificate,
        )?;
        let key = inline_or_file("client key", folder, user.client_key_data, user.client_key)?;
        let token = match (user.token, user.token_file) {
            (Some(token), _) => Some(token),
            (None, Some(file)) => Some(String::from_utf8_lossy(&read(&folder.join(file))?).into_owned()),
            (None, None) => None,
        };
        Ok(ClientConfig {
            server: cluster.server,
            certificate_authority: inline_or_file(
                "certificate authority",
                folder,
                cluster.certificate_authority_data,
                cluster.certificate_authority,
            )?
            .unwrap_or_default(),
            client_certificate: certificate.zip(key),
            token,
        })
    }
}

fn inline_or_file(
    what: &'static str,
    folder: &Path,
    inline: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<Vec<u8>>, ConfigError> {
    match (inline, file) {
        (Some(text), _) => STANDARD
            .decode(text.trim())
            .map(Some)
            .map_err(|e| credential(what, &e)),
        (None, Some(path)) => read(&folder.join(path)).map(Some),
        (None, None) => Ok(None),
    }
}
