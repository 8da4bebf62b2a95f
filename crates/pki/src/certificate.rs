//! A certificate as read: the facts Kubernetes looks at.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::oid_registry::asn1_rs::oid;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};
use x509_parser::x509::X509Name;

use crate::error::PkiError;
use crate::pem;
use crate::profile::{AlternativeNames, Validity};

/// A certificate and what it says. Reading it checks no signature.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: CertificateDer<'static>,
    /// The user's name.
    pub common_name: String,
    /// The user's groups.
    pub organizations: Vec<String>,
    /// The user's UID; mostly empty.
    pub uid: String,
    /// Under which names a server is reached.
    pub names: AlternativeNames,
    /// When it holds.
    pub validity: Validity,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// The subject in DER.
    pub(crate) subject_der: Vec<u8>,
    pub(crate) subject_key_identifier: Option<Vec<u8>>,
    pub(crate) public_key_der: Vec<u8>,
    issuer_der: Vec<u8>,
}

impl Certificate {
    /// Reads DER.
    pub fn from_der(der: CertificateDer<'static>) -> Result<Self, PkiError> {
        let (_, x509) =
            X509Certificate::from_der(&der).map_err(|error| PkiError::Certificate(error.to_string()))?;
        let mut names = AlternativeNames::default();
        let mut subject_key_identifier = None;
        for extension in x509.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(found) => {
                    names = alternative_names(&found.general_names);
                }
                ParsedExtension::SubjectKeyIdentifier(id) => subject_key_identifier = Some(id.0.to_vec()),
                _ => {}
            }
        }
        let (common_name, organizations) = user_and_groups(x509.subject());
        Ok(Self {
            common_name,
            organizations,
            uid: uid(x509.subject()),
            names,
            validity: Validity {
                not_before: moment(x509.validity().not_before.timestamp())?,
                not_after: moment(x509.validity().not_after.timestamp())?,
            },
            is_authority: x509.is_ca(),
            subject_der: x509.subject().as_raw().to_vec(),
            subject_key_identifier,
            public_key_der: x509.public_key().raw.to_vec(),
            issuer_der: x509.issuer().as_raw().to_vec(),
            der,
        })
    }

    /// Reads the first certificate of a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        Self::bundle_from_pem(text)?
            .into_iter()
            .next()
            .ok_or_else(|| PkiError::Certificate(String::from("no certificate in the text")))
    }

    /// Reads every certificate of a PEM text.
    pub fn bundle_from_pem(text: &str) -> Result<Vec<Self>, PkiError> {
        CertificateDer::pem_slice_iter(text.as_bytes())
            .map(|der| {
                let der = der.map_err(|error| PkiError::Certificate(error.to_string()))?;
                Self::from_der(der)
            })
            .collect()
    }

    /// The certificate in DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as a PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// Whether the certificate's key is this public key (a DER `SubjectPublicKeyInfo`).
    pub fn is_of_key(&self, public_der: &[u8]) -> bool {
        self.public_key_der == public_der
    }

    /// Whether `authority` signed it.
    pub fn is_signed_by(&self, authority: &Self) -> bool {
        if self.issuer_der != authority.subject_der {
            return false;
        }
        let (Ok((_, x509)), Ok((_, issuer))) = (
            X509Certificate::from_der(&self.der),
            X509Certificate::from_der(&authority.der),
        ) else {
            return false;
        };
        x509.verify_signature(Some(issuer.public_key())).is_ok()
    }

    /// SHA-256 of the public key (its `SubjectPublicKeyInfo`), in hexadecimal: how kubeadm pins a certificate authority.
    pub fn public_key_hash(&self) -> String {
        hex(digest(&SHA256, &self.public_key_der).as_ref())
    }

    /// SHA-256 of the whole certificate, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex(digest(&SHA256, &self.der).as_ref())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn moment(second: i64) -> Result<Timestamp, PkiError> {
    Timestamp::from_second(second).map_err(|error| PkiError::Certificate(error.to_string()))
}

/// The last common name, as Go has it, and all organizations.
pub(crate) fn user_and_groups(subject: &X509Name<'_>) -> (String, Vec<String>) {
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
    let common_name = subject.iter_common_name().filter_map(text).last();
    let organizations = subject.iter_organization().filter_map(text).collect();
    (common_name.unwrap_or_default(), organizations)
}

/// The attribute type is the Kubernetes project's own.
fn uid(subject: &X509Name<'_>) -> String {
    let mut found = subject.iter_by_oid(&oid!(1.3.6.1.4.1.57683.2));
    let text = found.next().and_then(|value| value.as_str().ok());
    text.unwrap_or_default().to_owned()
}

pub(crate) fn alternative_names(found: &[GeneralName<'_>]) -> AlternativeNames {
    let mut names = AlternativeNames::default();
    for name in found {
        match name {
            GeneralName::DNSName(dns) => names.dns.push((*dns).to_owned()),
            GeneralName::RFC822Name(email) => names.emails.push((*email).to_owned()),
            GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
            GeneralName::IPAddress(octets) => {
                if let Ok(v4) = <[u8; 4]>::try_from(*octets) {
                    names.addresses.push(v4.into());
                } else if let Ok(v6) = <[u8; 16]>::try_from(*octets) {
                    names.addresses.push(v6.into());
                }
            }
            _ => {}
        }
    }
    names
}
