//! Client certificates: the common name is the user, the organizations are groups.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use meta::User;
use pki::Certificate;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::authenticator::{Authenticated, AuthenticationError, Authenticator, Credentials};
use crate::remember::{Remembered, digest};

/// How many chains are remembered per generation: one for each client that talks to the server.
const REMEMBERED: usize = 16_384;

const EXTRA_CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// Verifies chains of client certificates against one set of authorities. Verified chains are remembered, so that a request
/// costs a digest and not a signature.
pub struct ChainVerifier {
    anchors: Vec<TrustAnchor<'static>>,
    verified: Remembered<Verified>,
}

/// The leaf of a verified chain.
pub struct Verified {
    /// The certificate.
    pub certificate: Certificate,
    /// What the user is told to have shown: made once, as every request asks for it.
    credential: String,
}

impl ChainVerifier {
    /// Trusts the certificates of a PEM bundle.
    pub fn from_pem(bundle: &str) -> Result<Self, AuthenticationError> {
        let anchors = Certificate::bundle_from_pem(bundle)
            .map_err(refused)?
            .iter()
            .map(|certificate| {
                Ok(anchor_from_trusted_cert(certificate.der())
                    .map_err(refused)?
                    .to_owned())
            })
            .collect::<Result<Vec<_>, AuthenticationError>>()?;
        Ok(Self {
            anchors,
            verified: Remembered::new(REMEMBERED),
        })
    }

    /// The leaf of a chain that ends at one of the authorities and holds now.
    pub fn verify(
        &self,
        chain: &[CertificateDer<'static>],
        now: Timestamp,
    ) -> Result<Arc<Verified>, AuthenticationError> {
        let key = digest(chain.iter().map(AsRef::as_ref));
        let verified = match self.verified.get(&key) {
            Some(verified) => verified,
            None => self.verified.insert(key, self.verify_signatures(chain, now)?),
        };
        // What is remembered was verified at another time.
        if !verified.certificate.validity.contains(now) {
            return Err(refused("certificate has expired or is not yet valid"));
        }
        Ok(verified)
    }

    fn verify_signatures(
        &self,
        chain: &[CertificateDer<'static>],
        now: Timestamp,
    ) -> Result<Verified, AuthenticationError> {
        let (leaf, intermediates) = chain.split_first().ok_or_else(|| refused("no certificate"))?;
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        EndEntityCert::try_from(leaf)
            .map_err(refused)?
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.anchors,
                intermediates,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(refused)?;
        let certificate = Certificate::from_der(leaf.clone()).map_err(refused)?;
        Ok(Verified {
            credential: format!("X509SHA256={}", certificate.fingerprint()),
            certificate,
        })
    }
}

fn refused(why: impl std::fmt::Display) -> AuthenticationError {
    AuthenticationError(format!("x509: {why}"))
}

/// Authenticates by client certificates (`--client-ca-file`).
pub struct X509Authenticator(pub ChainVerifier);

#[async_trait]
impl Authenticator for X509Authenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        if credentials.peer_certificates.is_empty() {
            return Ok(None);
        }
        let verified = self.0.verify(credentials.peer_certificates, credentials.now)?;
        let certificate = &verified.certificate;
        if certificate.common_name.is_empty() {
            return Ok(None);
        }
        let user = User {
            name: certificate.common_name.clone(),
            groups: certificate.organizations.clone(),
            extra: [(EXTRA_CREDENTIAL_ID.to_owned(), vec![verified.credential.clone()])].into(),
            uid: certificate.uid.clone(),
        };
        Ok(Some(user.into()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use pki::{AlternativeNames, Authority, Profile};

    use super::*;

    #[tokio::test]
    async fn users_and_groups_come_from_certificates_of_the_authority() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let authority = Authority::create("kubernetes", now).expect("authority");
        let other = Authority::create("kubernetes", now).expect("authority");
        let alice = Profile::client("alice", &["g1", "g2", "g3"]);
        let nobody = Profile::client("", &["system:masters"]);
        let server = Profile::server("kube-apiserver", AlternativeNames::default());
        let later = now + (24 * 364).hours();
        let too_late = now + (24 * 366).hours();
        let too_early = now - 48.hours();
        let cases = [
            (&authority, &alice, now, Ok(Some("alice"))),
            (&authority, &alice, later, Ok(Some("alice"))),
            (&authority, &alice, too_late, Err(())),
            (&authority, &alice, too_early, Err(())),
            (&authority, &nobody, now, Ok(None)),
            (&authority, &server, now, Err(())),
            (&other, &alice, now, Err(())),
        ];
        let verifier = ChainVerifier::from_pem(&authority.certificate().to_pem()).expect("authority");
        let authenticator = X509Authenticator(verifier);
        for (issuer, profile, at, wanted) in cases {
            let issued = issuer.issue(profile, now).expect("issued");
            let chain = [issued.certificate.der().clone()];
            // Twice: the second answer comes from memory.
            for _ in 0..2 {
                let credentials = Credentials {
                    peer_certificates: &chain,
                    now: at,
                    ..Credentials::default()
                };
                let found = authenticator.authenticate(&credentials).await;
                let name = found.as_ref().map(|f| f.as_ref().map(|a| a.user.name.as_str()));
                assert_eq!(name.map_err(|_| ()), wanted, "{profile:?} at {at}: {found:?}");
                if let Ok(Some(authenticated)) = found {
                    assert_eq!(authenticated.user.groups, ["g1", "g2", "g3"]);
                    let id = format!("X509SHA256={}", issued.certificate.fingerprint());
                    assert_eq!(authenticated.user.extra[EXTRA_CREDENTIAL_ID], [id]);
                }
            }
        }
    }

    #[tokio::test]
    async fn what_was_verified_once_still_expires() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let authority = Authority::create("kubernetes", now).expect("authority");
        let verifier = ChainVerifier::from_pem(&authority.certificate().to_pem()).expect("authority");
        let issued = authority.issue(&Profile::client("a", &[]), now).expect("issued");
        let chain = [issued.certificate.der().clone()];
        assert!(verifier.verify(&chain, now).is_ok());
        assert!(verifier.verify(&chain, now + (24 * 366).hours()).is_err());
    }
}
