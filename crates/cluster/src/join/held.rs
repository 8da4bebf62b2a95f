//! Client credentials that lie in a kubeconfig file.

use std::path::Path;

use client::Client;
use jiff::Timestamp;
use pki::{Certificate, Credential, Key, Kubeconfig, NodeNames, due_at};

use super::request::{Purpose, request_certificate};
use super::{CLUSTER, JoinError};

/// Client credentials that lie in a kubeconfig file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What the file says.
    pub config: Kubeconfig,
    /// When they are due for renewal.
    pub due_at: Timestamp,
    /// Until when they hold.
    pub not_after: Timestamp,
}

impl Held {
    fn new(config: Kubeconfig) -> Option<(Self, Certificate)> {
        let Credential::Certificate { certificate, .. } = &config.credential else {
            return None;
        };
        let certificate = Certificate::from_pem(certificate).ok()?;
        let held = Self {
            due_at: due_at(certificate.validity),
            not_after: certificate.validity.not_after,
            config,
        };
        Some((held, certificate))
    }
}

/// What lies in the file, if it is the node's for that purpose and still holds.
pub fn held(path: &Path, node: &NodeNames, purpose: Purpose, now: Timestamp) -> Option<Held> {
    let text = pki::file::read(path).ok()??;
    let (held, certificate) = Held::new(Kubeconfig::from_yaml(&text).ok()?)?;
    let wanted = purpose.profile(node);
    let is_the_nodes =
        certificate.common_name == wanted.common_name && certificate.organizations == wanted.organizations;
    (is_the_nodes && now <= held.not_after).then_some(held)
}

/// Where the API is, and who may have signed its certificate (PEM).
#[derive(Clone, Debug)]
pub struct Place {
    /// `https://192.0.2.1:6443`.
    pub server: String,
    /// PEM.
    pub certificate_authority: String,
}

/// Asks for new credentials by the right of `client` (a join token's, or the node's own), and puts them into the file.
pub async fn obtain(
    client: &Client,
    place: &Place,
    node: &NodeNames,
    purpose: Purpose,
    path: &Path,
) -> Result<Held, JoinError> {
    let key = Key::generate_ecdsa()?;
    let certificate = request_certificate(client, node, &key, purpose).await?;
    let config = Kubeconfig {
        cluster: CLUSTER.to_owned(),
        server: place.server.clone(),
        certificate_authority: place.certificate_authority.clone(),
        user: purpose.profile(node).common_name,
        credential: Credential::Certificate {
            certificate,
            key: key.to_pem()?,
        },
    };
    let text = config.to_yaml()?;
    let (held, _) = Held::new(config).ok_or(JoinError::Unreadable)?;
    pki::file::write(path, &text, true)?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use pki::{Authority, NodePart};

    use super::*;

    #[test]
    fn credentials_are_held_until_they_are_over() {
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
            user: node.user(),
            credential: Credential::Certificate {
                certificate: issued.certificate.to_pem(),
                key: issued.key.to_pem().expect("text"),
            },
        };
        let held_by =
            |node: &NodeNames, purpose, days: i64| held(&path, node, purpose, start + (24 * days).hours());
        assert_eq!(held_by(&node, Purpose::Client, 0), None);
        pki::file::write(&path, &config.to_yaml().expect("text"), false).expect("written");
        let other = NodeNames {
            name: String::from("b"),
            ..NodeNames::default()
        };
        let now = held_by(&node, Purpose::Client, 0).expect("held");
        assert!(now.due_at > start && now.due_at < start + (24 * 300).hours());
        assert!(held_by(&node, Purpose::Client, 300).is_some(), "due, but good");
        assert_eq!(held_by(&node, Purpose::Client, 400), None, "over");
        assert_eq!(held_by(&other, Purpose::Client, 0), None, "another node's");
        assert_eq!(
            held_by(&node, Purpose::Part(NodePart::Proxy), 0),
            None,
            "another's"
        );
    }
}
