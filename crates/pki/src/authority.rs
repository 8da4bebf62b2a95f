//! A certificate authority: a key, its own certificate, and the issuing of others.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::certificate::Certificate;
use crate::encode::{self, Body};
use crate::error::PkiError;
use crate::key::Key;
use crate::profile::{AlternativeNames, Profile, Validity};
use crate::usage::Usage;

/// How long a new authority lasts.
pub const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// How long what it issues lasts, unless asked otherwise.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);

/// RFC 7093: the leading bits of a SHA-256.
const KEY_IDENTIFIER_LENGTH: usize = 20;
const SERIAL_LENGTH: usize = 16;

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    key: Key,
}

/// A certificate with the key it is for.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub key: Key,
}

impl Authority {
    /// A new authority with a new ECDSA key.
    pub fn create(common_name: &str, now: Timestamp) -> Result<Self, PkiError> {
        let key = Key::generate_ecdsa()?;
        let profile = Profile {
            common_name: common_name.to_owned(),
            names: AlternativeNames {
                dns: vec![common_name.to_owned()],
                ..AlternativeNames::default()
            },
            usages: vec![
                Usage::DigitalSignature,
                Usage::KeyEncipherment,
                Usage::CertificateSigning,
            ],
            ..Profile::default()
        };
        let identifier = key_identifier(key.public_der())?;
        let body = Body {
            serial: &serial()?,
            algorithm: key.algorithm(),
            issuer_der: &encode::subject(&profile),
            validity: Validity::starting(now, AUTHORITY_LIFETIME),
            profile: &profile,
            public_key_der: key.public_der(),
            authority: Some(&identifier),
            signer_key_identifier: None,
        };
        let certificate = sign(&body, &key)?;
        Ok(Self { certificate, key })
    }

    /// An authority from its certificate and key, checked to belong together.
    pub fn new(certificate: Certificate, key: Key) -> Result<Self, PkiError> {
        if !certificate.is_of_key(key.public_der()) {
            return Err(PkiError::Certificate(String::from(
                "the key is not the certificate's",
            )));
        }
        if !certificate.is_authority {
            return Err(PkiError::Certificate(String::from("not a certificate authority")));
        }
        Ok(Self { certificate, key })
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authority's key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// A certificate for a public key (a DER `SubjectPublicKeyInfo`). It never outlives the authority.
    pub fn sign(
        &self,
        public_key_der: &[u8],
        profile: &Profile,
        mut validity: Validity,
    ) -> Result<Certificate, PkiError> {
        validity.not_after = validity.not_after.min(self.certificate.validity.not_after);
        let identifier = match &self.certificate.subject_key_identifier {
            Some(identifier) => identifier.clone(),
            None => key_identifier(self.key.public_der())?,
        };
        let body = Body {
            serial: &serial()?,
            algorithm: self.key.algorithm(),
            issuer_der: &self.certificate.subject_der,
            validity,
            profile,
            public_key_der,
            authority: None,
            signer_key_identifier: Some(&identifier),
        };
        sign(&body, &self.key)
    }

    /// A new key and a certificate for it.
    pub fn issue(&self, profile: &Profile, now: Timestamp) -> Result<Issued, PkiError> {
        let key = Key::generate_ecdsa()?;
        let certificate = self.sign(key.public_der(), profile, Validity::starting(now, LEAF_LIFETIME))?;
        Ok(Issued { certificate, key })
    }
}

fn sign(body: &Body<'_>, key: &Key) -> Result<Certificate, PkiError> {
    let der = body.to_der();
    let signature = key.sign(&der)?;
    let certificate = encode::signed(&der, body.algorithm, &signature);
    Certificate::from_der(CertificateDer::from(certificate))
}

/// Unpredictable, positive, and as good as never the same.
fn serial() -> Result<[u8; SERIAL_LENGTH], PkiError> {
    let mut serial = [0; SERIAL_LENGTH];
    SystemRandom::new()
        .fill(&mut serial)
        .map_err(|_| PkiError::Certificate(String::from("no random numbers")))?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn key_identifier(public_der: &[u8]) -> Result<Vec<u8>, PkiError> {
    let (_, public) =
        SubjectPublicKeyInfo::from_der(public_der).map_err(|error| PkiError::Key(error.to_string()))?;
    let hash = digest(&SHA256, &public.subject_public_key.data);
    Ok(hash.as_ref()[..KEY_IDENTIFIER_LENGTH].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05.678Z".parse().expect("a time")
    }

    #[test]
    fn an_issued_certificate_says_what_was_asked() {
        let authority = Authority::create("kubernetes", now()).expect("authority");
        let mut names = AlternativeNames::default();
        for name in [
            "localhost",
            "kubernetes.default.svc",
            "10.43.0.1",
            "fd00::1",
            "localhost",
        ] {
            names.add(name);
        }
        names.uris.push(String::from("spiffe://a/b"));
        names.emails.push(String::from("a@example.com"));
        let profile = Profile {
            common_name: String::from("kube-apiserver"),
            organizations: vec![String::from("a"), String::from("b"), String::from("c")],
            names,
            usages: Usage::server(),
        };
        let issued = authority.issue(&profile, now()).expect("issued");
        let read = Certificate::from_pem(&issued.certificate.to_pem()).expect("read");
        assert_eq!(read.common_name, profile.common_name);
        assert_eq!(read.organizations, profile.organizations);
        assert_eq!(read.names, profile.names);
        assert_eq!(read.names.dns.len(), 2);
        assert_eq!(read.validity.not_before.to_string(), "2026-01-02T02:04:05Z");
        assert_eq!(read.validity.not_after.to_string(), "2027-01-02T03:04:05Z");
        assert!(!read.is_authority);
        assert!(read.is_of_key(issued.key.public_der()));
        assert!(read.is_signed_by(authority.certificate()));
        let other = Authority::create("kubernetes", now()).expect("authority");
        assert!(!read.is_signed_by(other.certificate()));
    }

    #[test]
    fn an_authority_is_itself_signed_and_can_be_loaded() {
        let authority = Authority::create("front-proxy-ca", now()).expect("authority");
        let certificate = Certificate::from_pem(&authority.certificate().to_pem()).expect("read");
        assert!(certificate.is_authority);
        assert!(certificate.is_signed_by(&certificate));
        let key = Key::from_pem(&authority.key().to_pem().expect("text")).expect("read");
        assert!(Authority::new(certificate.clone(), key).is_ok());
        let stranger = Key::generate_ecdsa().expect("key");
        assert!(Authority::new(certificate, stranger).is_err());
    }

    #[test]
    fn nothing_outlives_its_authority() {
        let authority = Authority::create("kubernetes", now()).expect("authority");
        let late = authority.certificate().validity.not_after - SignedDuration::from_hours(24);
        let issued = authority.issue(&Profile::client("a", &[]), late).expect("issued");
        assert_eq!(
            issued.certificate.validity.not_after,
            authority.certificate().validity.not_after
        );
    }

    #[test]
    fn years_from_2050_have_four_digits() {
        let authority = Authority::create("kubernetes", now()).expect("authority");
        let later: Timestamp = "2051-01-01T00:00:00Z".parse().expect("a time");
        let far = Authority::create("far", later).expect("authority");
        assert_eq!(
            far.certificate().validity.not_before.to_string(),
            "2050-12-31T23:00:00Z"
        );
        assert!(!far.certificate().is_signed_by(authority.certificate()));
    }
}
