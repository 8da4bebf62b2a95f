//! Asking for a certificate, and waiting for the answer.

use std::fmt;
use std::time::Duration;

use client::k8s_openapi::ByteString;
use client::k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::{Client, ListOptions, Scope, WatchEvent};
use futures::StreamExt;
use pki::{Key, NodeNames, NodePart, Profile, SigningRequest};

use super::{JoinError, PAUSE};

/// How long to wait for a certificate before asking anew.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// What a node needs a certificate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// That the API server knows its kubelet.
    Client,
    /// That those who ask for logs believe its kubelet.
    Serving,
    /// That the API server knows a part of it.
    Part(NodePart),
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the node",
            Self::Serving => "the kubelet's server",
            Self::Part(part) => part.name(),
        })
    }
}

impl Purpose {
    fn signer(self) -> &'static str {
        match self {
            Self::Client => "kubernetes.io/kube-apiserver-client-kubelet",
            Self::Serving => "kubernetes.io/kubelet-serving",
            Self::Part(_) => "kubernetes.io/kube-apiserver-client",
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Self::Client | Self::Part(_) => "client auth",
            Self::Serving => "server auth",
        }
    }

    /// What the certificate is to say.
    pub(super) fn profile(self, node: &NodeNames) -> Profile {
        match self {
            Self::Client => node.client_profile(),
            Self::Serving => node.serving_profile(),
            Self::Part(part) => part.profile(&node.name),
        }
    }
}

/// Asks for a certificate for the node, by whatever right the client has: a join token, or the node's own older certificate.
pub(super) async fn request_certificate(
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

    use super::*;

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
