//! Kubeconfig files: how a client finds the server and who it is there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::PkiError;

/// A kubeconfig with one cluster and one user, everything inline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Name of the cluster.
    pub cluster: String,
    /// `https://127.0.0.1:6443`.
    pub server: String,
    /// PEM of the certificates that may have signed the server's.
    pub certificate_authority: String,
    /// Name of the user's entry.
    pub user: String,
    /// How the user proves to be that.
    pub credential: Credential,
}

/// How a user proves who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A client certificate and its key, in PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// The key.
        key: String,
    },
    /// A bearer token.
    Token(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    clusters: Vec<NamedCluster>,
    contexts: Vec<NamedContext>,
    current_context: String,
    users: Vec<NamedUser>,
}

#[derive(Serialize, Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    #[serde(default)]
    certificate_authority_data: String,
    server: String,
}

#[derive(Serialize, Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Serialize, Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Serialize, Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    client_certificate_data: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    client_key_data: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    token: String,
}

impl Kubeconfig {
    /// The file's text.
    pub fn to_yaml(&self) -> Result<String, PkiError> {
        let context = format!("{}@{}", self.user, self.cluster);
        let user = match &self.credential {
            Credential::Certificate { certificate, key } => User {
                client_certificate_data: STANDARD.encode(certificate),
                client_key_data: STANDARD.encode(key),
                ..User::default()
            },
            Credential::Token(token) => User {
                token: token.clone(),
                ..User::default()
            },
        };
        let file = File {
            api_version: String::from("v1"),
            kind: String::from("Config"),
            clusters: vec![NamedCluster {
                name: self.cluster.clone(),
                cluster: Cluster {
                    certificate_authority_data: STANDARD.encode(&self.certificate_authority),
                    server: self.server.clone(),
                },
            }],
            contexts: vec![NamedContext {
                name: context.clone(),
                context: Context {
                    cluster: self.cluster.clone(),
                    user: self.user.clone(),
                },
            }],
            current_context: context,
            users: vec![NamedUser {
                name: self.user.clone(),
                user,
            }],
        };
        serde_saphyr::to_string(&file).map_err(|error| PkiError::Kubeconfig(error.to_string()))
    }

    /// Reads what [`Kubeconfig::to_yaml`] writes, and any other with inline data: the current context counts.
    pub fn from_yaml(text: &str) -> Result<Self, PkiError> {
        let refuse = |why: String| PkiError::Kubeconfig(why);
        let file: File = serde_saphyr::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let current = &file.current_context;
        let context = (file.contexts.into_iter().find(|c| c.name == *current))
            .ok_or_else(|| refuse(format!("no context {current:?}")))?
            .context;
        let cluster = (file.clusters.into_iter().find(|c| c.name == context.cluster))
            .ok_or_else(|| refuse(format!("no cluster {:?}", context.cluster)))?
            .cluster;
        let user = (file.users.into_iter().find(|u| u.name == context.user))
            .ok_or_else(|| refuse(format!("no user {:?}", context.user)))?
            .user;
        let credential = if user.token.is_empty() {
            Credential::Certificate {
                certificate: decode(&user.client_certificate_data)?,
                key: decode(&user.client_key_data)?,
            }
        } else {
            Credential::Token(user.token)
        };
        Ok(Self {
            certificate_authority: decode(&cluster.certificate_authority_data)?,
            server: cluster.server,
            cluster: context.cluster,
            user: context.user,
            credential,
        })
    }
}

fn decode(base64: &str) -> Result<String, PkiError> {
    let bytes = STANDARD
        .decode(base64)
        .map_err(|error| PkiError::Kubeconfig(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| PkiError::Kubeconfig(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let credentials = [
            Credential::Token(String::from("abc.def")),
            Credential::Certificate {
                certificate: String::from("C\n"),
                key: String::from("K\n"),
            },
        ];
        for credential in credentials {
            let config = Kubeconfig {
                cluster: String::from("pintle"),
                server: String::from("https://[::1]:6443"),
                certificate_authority: String::from("A\n"),
                user: String::from("kubernetes-admin"),
                credential,
            };
            let text = config.to_yaml().expect("written");
            assert!(
                text.contains("current-context: kubernetes-admin@pintle"),
                "{text}"
            );
            assert_eq!(Kubeconfig::from_yaml(&text).expect("read"), config);
        }
    }

    #[test]
    fn a_file_that_leads_nowhere_is_refused() {
        let texts = [
            "",
            "kind: Config",
            "{apiVersion: v1, kind: Config, clusters: [], contexts: [], users: [], current-context: a}",
        ];
        for text in texts {
            assert!(Kubeconfig::from_yaml(text).is_err(), "{text}");
        }
    }
}
