//! Certificate signing requests (RFC 2986): what a joining node sends, and what a signer makes of it.

use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, ParsedExtension};

use crate::certificate::{alternative_names, user_and_groups};
use crate::encode;
use crate::error::PkiError;
use crate::key::Key;
use crate::pem;
use crate::profile::{AlternativeNames, Profile};
use crate::usage::Usage;

/// A request whose sender has proved to hold the key. Extensions other than the names are left aside, as upstream's signers
/// do: what a certificate may be used for is the signer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequest {
    /// The user's name.
    pub common_name: String,
    /// The user's groups.
    pub organizations: Vec<String>,
    /// Under which names a server wants to be reached.
    pub names: AlternativeNames,
    /// The key, a DER `SubjectPublicKeyInfo`.
    pub public_key_der: Vec<u8>,
}

impl SigningRequest {
    /// Reads a PEM text and checks the signature.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let refuse = |why: &dyn std::fmt::Display| PkiError::Request(why.to_string());
        let der = CertificateSigningRequestDer::from_pem_slice(text.as_bytes()).map_err(|e| refuse(&e))?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|e| refuse(&e))?;
        if !rest.is_empty() {
            return Err(refuse(&"trailing bytes"));
        }
        request
            .verify_signature()
            .map_err(|_| refuse(&"the signature does not match the key"))?;
        let mut names = AlternativeNames::default();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(found) = extension {
                names = alternative_names(&found.general_names);
            }
        }
        let info = &request.certification_request_info;
        let (common_name, organizations) = user_and_groups(&info.subject);
        Ok(Self {
            common_name,
            organizations,
            names,
            public_key_der: info.subject_pki.raw.to_vec(),
        })
    }

    /// A request as PEM text, signed with `key`.
    pub fn create(profile: &Profile, key: &Key) -> Result<String, PkiError> {
        let body = encode::request_body(profile, key.public_der());
        let signature = key.sign(&body)?;
        let der = encode::signed(&body, key.algorithm(), &signature);
        Ok(pem::encode("CERTIFICATE REQUEST", &der))
    }

    /// What a certificate for this request says.
    pub fn profile(&self, usages: Vec<Usage>) -> Profile {
        Profile {
            common_name: self.common_name.clone(),
            organizations: self.organizations.clone(),
            names: self.names.clone(),
            usages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let mut server = Profile::server("system:node:a", AlternativeNames::default());
        server.organizations.push(String::from("system:nodes"));
        server.names.add("a");
        server.names.add("192.0.2.1");
        let many = Profile::client("jane", &["g1", "g2", "g3"]);
        for profile in [server, many, Profile::client("", &[])] {
            for key in [Key::generate_ecdsa(), Key::generate_rsa()] {
                let key = key.expect("key");
                let text = SigningRequest::create(&profile, &key).expect("written");
                let request = SigningRequest::from_pem(&text).expect("read");
                assert_eq!(request.profile(profile.usages.clone()), profile);
                assert_eq!(request.public_key_der, key.public_der());
            }
        }
    }

    #[test]
    fn a_request_without_proof_is_refused() {
        let key = Key::generate_ecdsa().expect("key");
        let other = Key::generate_ecdsa().expect("key");
        let body = encode::request_body(&Profile::client("a", &[]), key.public_der());
        let signature = other.sign(&body).expect("signed");
        let forged = pem::encode(
            "CERTIFICATE REQUEST",
            &encode::signed(&body, key.algorithm(), &signature),
        );
        for text in ["", &forged, &pem::encode("CERTIFICATE REQUEST", b"x")] {
            assert!(SigningRequest::from_pem(text).is_err(), "{text}");
        }
    }
}
