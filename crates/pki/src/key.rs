//! Private keys: ECDSA for certificates, RSA for service-account tokens.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::error::PkiError;
use crate::pem;

/// A private key with its public half. Never shown by `Debug`.
pub struct Key {
    pair: Pair,
    public_der: Vec<u8>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair, Curve),
    Rsa(RsaKeyPair),
}

#[derive(Clone, Copy)]
enum Curve {
    P256,
    P384,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// ECDSA over P-256 with SHA-256; `ES256` in JWT.
    EcdsaP256Sha256,
    /// ECDSA over P-384 with SHA-384; `ES384` in JWT.
    EcdsaP384Sha384,
    /// RSA PKCS #1 v1.5 with SHA-256; `RS256` in JWT.
    RsaSha256,
}

impl Key {
    /// A new ECDSA P-256 key: what certificates are made with.
    pub fn generate_ecdsa() -> Result<Self, PkiError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| failed("generation"))?;
        Self::new(Pair::Ecdsa(pair, Curve::P256))
    }

    /// A new RSA 2048 key: what service-account tokens are signed with. Takes tens of milliseconds or more.
    pub fn generate_rsa() -> Result<Self, PkiError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| failed("generation"))?;
        Self::new(Pair::Rsa(pair))
    }

    /// Reads PKCS #8, SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`), so that kubeadm's files can be taken over.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|error| PkiError::Key(error.to_string()))?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).map(Pair::Rsa).ok(),
            PrivateKeyDer::Sec1(key) => ecdsa(key.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                ecdsa(der).or_else(|| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa).ok())
            }
            _ => None,
        };
        Self::new(pair.ok_or_else(|| failed("neither ECDSA P-256 or P-384 nor RSA"))?)
    }

    fn new(pair: Pair) -> Result<Self, PkiError> {
        let public = match &pair {
            Pair::Ecdsa(pair, _) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
        };
        let public_der = public.map_err(|_| failed("encoding"))?.as_ref().to_vec();
        Ok(Self { pair, public_der })
    }

    /// The private key as a PKCS #8 PEM block.
    pub fn to_pem(&self) -> Result<String, PkiError> {
        let der = match &self.pair {
            Pair::Ecdsa(pair, _) => pair.to_pkcs8v1().map(|d| d.as_ref().to_vec()),
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|d| d.as_ref().to_vec()),
        };
        Ok(pem::encode("PRIVATE KEY", &der.map_err(|_| failed("encoding"))?))
    }

    /// The public key, a DER `SubjectPublicKeyInfo`.
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// The public key as a PEM block.
    pub fn public_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.public_der)
    }

    /// How [`Key::sign`] signs.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match &self.pair {
            Pair::Ecdsa(_, Curve::P256) => SignatureAlgorithm::EcdsaP256Sha256,
            Pair::Ecdsa(_, Curve::P384) => SignatureAlgorithm::EcdsaP384Sha384,
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
        }
    }

    /// The signature of `message`; for ECDSA in DER form, as certificates have it.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair, _) => pair.sign(&random, message).map(|s| s.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map(|()| signature)
            }
        }
        .map_err(|_| failed("signing"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

fn ecdsa(der: &[u8]) -> Option<Pair> {
    let read =
        |algorithm: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).ok();
    read(&ECDSA_P256_SHA256_ASN1_SIGNING)
        .map(|pair| Pair::Ecdsa(pair, Curve::P256))
        .or_else(|| read(&ECDSA_P384_SHA384_ASN1_SIGNING).map(|pair| Pair::Ecdsa(pair, Curve::P384)))
}

fn failed(what: &str) -> PkiError {
    PkiError::Key(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_text() {
        for key in [Key::generate_ecdsa(), Key::generate_rsa()] {
            let key = key.expect("generated");
            let again = Key::from_pem(&key.to_pem().expect("encoded")).expect("read");
            assert_eq!(again.public_der(), key.public_der());
            assert_eq!(again.algorithm(), key.algorithm());
            assert!(!format!("{key:?}").contains("BEGIN"));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let certificate = pem::encode("CERTIFICATE", b"x");
        let garbage = pem::encode("PRIVATE KEY", b"x");
        for text in ["", "hello", &certificate, &garbage] {
            assert!(Key::from_pem(text).is_err(), "{text}");
        }
    }
}
