//! How a machine becomes a node: it finds the cluster by the token's hash, asks for a certificate with the token, and writes
//! the kubelet's kubeconfig.

mod discover;
mod serving;

use std::path::{Path, PathBuf};
use std::time::Duration;

use client::config::{ClientConfig, ConfigError};
use client::k8s_openapi::ByteString;
use client::k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::{Client, ListOptions, Scope, Servers, WatchEvent, https};
use futures::StreamExt;
use jiff::Timestamp;
use pki::{Credential, Key, Kubeconfig, NodeNames, PkiError, Profile, SigningRequest, due_at};

use crate::token::JoinToken;
pub use discover::DiscoverError;
pub use serving::serving_identity;

/// How long to wait for a certificate before asking anew.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between watches that the server ended.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a machine cannot join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is no token, and no certificate from an earlier start.
    #[error("a node joins with a token; give --token, as the file node-token of the server says it")]
    NoToken,
    /// The cluster is not there, or is another.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// What was learnt of the cluster cannot be used.
    #[error("cannot connect")]
    Config(#[from] ConfigError),
    /// The server refused.
    #[error("cannot ask for a certificate")]
    Api(#[from] client::Error),
    /// A key or a file cannot be made.
    #[error("cannot make the node's key")]
    Pki(#[from] PkiError),
    /// The request was denied, or could not be signed.
    #[error("the request for a certificate was refused: {0}")]
    Refused(String),
    /// Nobody answered the request.
    #[error(
        "the request for a certificate was not answered within {PATIENCE:?}; is the certificate controller running?"
    )]
    Unanswered,
}

/// Who joins, and where.
#[derive(Clone, Debug)]
pub struct Join {
    /// The servers of the cluster, any or all of them: `https://192.0.2.1:6443`.
    pub servers: Vec<String>,
    /// The token; a machine that has joined before needs none.
    pub token: Option<JoinToken>,
    /// The node to be.
    pub node: NodeNames,
    /// Where the kubelet's kubeconfig goes.
    pub kubeconfig: PathBuf,
}

/// Makes sure that the node has a certificate that is valid for long enough: the one it has, or a new one.
pub async fn join(join: &Join, now: Timestamp) -> Result<Kubeconfig, JoinError> {
    if let Some(existing) = existing(&join.kubeconfig, &join.node, now) {
        return Ok(existing);
    }
    let token = join.token.as_ref().ok_or(JoinError::NoToken)?;
    let (server, authority) = discover::any_authority(&join.servers, token).await?;
    let mut servers = vec![server.clone()];
    servers.extend(join.servers.iter().filter(|other| **other != server).cloned());
    let config = ClientConfig {
        server: server.clone(),
        certificate_authority: authority.to_pem().into_bytes(),
        token: Some(token.token.bearer()),
        ..ClientConfig::default()
    };
    let transport = https::connect_to_any(&config, Servers::new(&servers)?)?;
    let key = Key::generate_ecdsa()?;
    let client = Client::new(transport, "pintle-agent");
    let certificate = request_certificate(&client, &join.node, &key, Purpose::Client).await?;
    let kubeconfig = Kubeconfig {
        cluster: String::from("pintle"),
        server,
        certificate_authority: authority.to_pem(),
        user: join.node.client_profile().common_name,
        credential: Credential::Certificate {
            certificate,
            key: key.to_pem()?,
        },
    };
    pki::file::write(&join.kubeconfig, &kubeconfig.to_yaml()?, true)?;
    Ok(kubeconfig)
}

/// The kubeconfig that is there, if it is this node's and not due for renewal.
fn existing(path: &Path, node: &NodeNames, now: Timestamp) -> Option<Kubeconfig> {
    let text = pki::file::read(path).ok()??;
    let config = Kubeconfig::from_yaml(&text).ok()?;
    let Credential::Certificate { certificate, .. } = &config.credential else {
        return None;
    };
    let certificate = pki::Certificate::from_pem(certificate).ok()?;
    let is_good =
        certificate.common_name == node.client_profile().common_name && now < due_at(certificate.validity);
    is_good.then_some(config)
}

/// What a kubelet needs a certificate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be known by the API server.
    Client,
    /// To be believed by those who ask for logs.
    Serving,
}

impl Purpose {
    fn signer(self) -> &'static str {
        match self {
            Self::Client => "kubernetes.io/kube-apiserver-client-kubelet",
            Self::Serving => "kubernetes.io/kubelet-serving",
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Self::Client => "client auth",
            Self::Serving => "server auth",
        }
    }

    fn profile(self, node: &NodeNames) -> Profile {
        match self {
            Self::Client => node.client_profile(),
            Self::Serving => node.serving_profile(),
        }
    }
}

/// Asks for a certificate for the node, by whatever right the client has: a join token, or the node's own older certificate.
pub async fn request_certificate(
    client: &Client,
    node: &NodeNames,
    key: &Key,
    purpose: Purpose,
) -> Result<String, JoinError> {
    let text = |texts: &[&str]| Some(texts.iter().map(|&t| t.to_owned()).collect());
    let request = CertificateSigningRequest {
        metadata: ObjectMeta {
            generate_name: Some(String::from("node-csr-")),
            ..ObjectMeta::default()
        },
        spec: CertificateSigningRequestSpec {
            request: ByteString(SigningRequest::create(&purpose.profile(node), key)?.into_bytes()),
            signer_name: purpose.signer().to_owned(),
            usages: text(&["digital signature", purpose.usage()]),
            ..CertificateSigningRequestSpec::default()
        },
        ..CertificateSigningRequest::default()
    };
    let created = client.create(Scope::Cluster, &request).await?;
    let answer = tokio::time::timeout(PATIENCE, answer(client, created)).await;
    answer.unwrap_or(Err(JoinError::Unanswered))
}

/// Follows the request until it has a certificate or a reason why it gets none.
async fn answer(client: &Client, mut csr: CertificateSigningRequest) -> Result<String, JoinError> {
    let name = csr.metadata.name.clone().unwrap_or_default();
    let only = ListOptions {
        field_selector: format!("metadata.name={name}"),
        ..ListOptions::default()
    };
    loop {
        if let Some(answer) = outcome(&csr) {
            return answer;
        }
        let version = csr.metadata.resource_version.clone().unwrap_or_default();
        let mut changes = client.watch(Scope::Cluster, &only, &version).await?;
        while let Some(Ok(event)) = changes.next().await {
            if let WatchEvent::Added(changed) | WatchEvent::Modified(changed) = event {
                csr = changed;
                if let Some(answer) = outcome(&csr) {
                    return answer;
                }
            }
        }
        // The watch has ended: see what is there before the next one.
        tokio::time::sleep(PAUSE).await;
        csr = client.get(Scope::Cluster, &name).await?;
    }
}

fn outcome(csr: &CertificateSigningRequest) -> Option<Result<String, JoinError>> {
    let status = csr.status.as_ref()?;
    if let Some(certificate) = &status.certificate {
        return Some(Ok(String::from_utf8_lossy(&certificate.0).into_owned()));
    }
    let refused =
        (status.conditions.iter().flatten()).find(|c| c.type_ == "Denied" || c.type_ == "Failed")?;
    let why = refused.message.clone().unwrap_or_else(|| refused.type_.clone());
    Some(Err(JoinError::Refused(why)))
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::certificates::v1::{
        CertificateSigningRequestCondition, CertificateSigningRequestStatus,
    };
    use jiff::ToSpan;
    use pki::Authority;

    use super::*;

    #[test]
    fn a_certificate_is_kept_until_it_is_due() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("kubelet.conf");
        let node = NodeNames {
            name: String::from("a"),
            ..NodeNames::default()
        };
        let authority = Authority::create("kubernetes", start).expect("authority");
        let issued = authority.issue(&node.client_profile(), start).expect("issued");
        let config = Kubeconfig {
            cluster: String::from("pintle"),
            server: String::from("https://192.0.2.1:6443"),
            certificate_authority: authority.certificate().to_pem(),
            user: String::from("system:node:a"),
            credential: Credential::Certificate {
                certificate: issued.certificate.to_pem(),
                key: issued.key.to_pem().expect("text"),
            },
        };
        assert_eq!(existing(&path, &node, start), None);
        pki::file::write(&path, &config.to_yaml().expect("text"), false).expect("written");
        let other = NodeNames {
            name: String::from("b"),
            ..NodeNames::default()
        };
        assert!(existing(&path, &node, start).is_some());
        assert!(
            existing(&path, &node, start + (24 * 300).hours()).is_none(),
            "due"
        );
        assert!(existing(&path, &other, start).is_none(), "another node's");
    }

    #[test]
    fn an_answer_is_a_certificate_or_a_reason() {
        let with = |kind: &str, certificate: Option<&str>| CertificateSigningRequest {
            status: Some(CertificateSigningRequestStatus {
                certificate: certificate.map(|text| ByteString(text.into())),
                conditions: Some(vec![CertificateSigningRequestCondition {
                    type_: kind.to_owned(),
                    message: Some(String::from("why")),
                    ..CertificateSigningRequestCondition::default()
                }]),
            }),
            ..CertificateSigningRequest::default()
        };
        assert!(outcome(&CertificateSigningRequest::default()).is_none());
        assert!(outcome(&with("Approved", None)).is_none());
        assert!(matches!(outcome(&with("Approved", Some("C"))), Some(Ok(c)) if c == "C"));
        assert!(matches!(outcome(&with("Denied", None)), Some(Err(JoinError::Refused(w))) if w == "why"));
        assert!(matches!(
            outcome(&with("Failed", None)),
            Some(Err(JoinError::Refused(_)))
        ));
    }
}
