//! Public keys that verify tokens, and how the world learns of them (RFC 7517).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::certificate::Certificate;
use crate::error::PkiError;
use crate::key::{Key, SignatureAlgorithm};

/// A key that verifies tokens.
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: String,
    algorithm: SignatureAlgorithm,
    der: Vec<u8>,
    jwk: Value,
}

impl PublicKey {
    /// Reads every key of a PEM text: public keys, private keys and certificates, as `--service-account-key-file` takes them.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, PkiError> {
        let mut keys = Vec::new();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()) {
            keys.push(Self::from_der(
                &der.map_err(|error| PkiError::Key(error.to_string()))?,
            )?);
        }
        for certificate in Certificate::bundle_from_pem(text)? {
            keys.push(Self::from_der(&certificate.public_key_der)?);
        }
        if text.contains("PRIVATE KEY-----") {
            keys.push(Self::from_der(Key::from_pem(text)?.public_der())?);
        }
        if keys.is_empty() {
            return Err(PkiError::Key(String::from("no public key in the text")));
        }
        Ok(keys)
    }

    /// Reads a DER `SubjectPublicKeyInfo`.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let refuse = |why: &str| PkiError::Key(why.to_owned());
        let (_, info) =
            SubjectPublicKeyInfo::from_der(der).map_err(|error| PkiError::Key(error.to_string()))?;
        // Upstream's key ID: clients cache keys by it.
        let id = URL_SAFE_NO_PAD.encode(digest(&SHA256, der));
        let (algorithm, mut jwk) = match info.parsed().map_err(|_| refuse("unknown kind of key"))? {
            Parsed::RSA(key) => (
                SignatureAlgorithm::RsaSha256,
                json!({
                    "kty": "RSA",
                    "n": number(key.modulus),
                    "e": number(key.exponent),
                }),
            ),
            Parsed::EC(point) => {
                let (algorithm, curve) = match point.key_size() {
                    256 => (SignatureAlgorithm::EcdsaP256Sha256, "P-256"),
                    384 => (SignatureAlgorithm::EcdsaP384Sha384, "P-384"),
                    _ => return Err(refuse("a curve other than P-256 and P-384")),
                };
                // Uncompressed: 4, then both coordinates.
                let coordinates = point.data().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
                (
                    algorithm,
                    json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)}),
                )
            }
            _ => return Err(refuse("neither RSA nor ECDSA")),
        };
        jwk["use"] = "sig".into();
        jwk["kid"] = id.clone().into();
        jwk["alg"] = algorithm.jwa().into();
        Ok(Self {
            id,
            algorithm,
            der: der.to_vec(),
            jwk,
        })
    }

    /// The key's ID in tokens: base64url of the SHA-256 of its `SubjectPublicKeyInfo`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it verifies.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Whether `signature` (in the form of JWS) over `message` is by this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.algorithm {
            SignatureAlgorithm::EcdsaP256Sha256 => &ECDSA_P256_SHA256_FIXED,
            SignatureAlgorithm::EcdsaP384Sha384 => &ECDSA_P384_SHA384_FIXED,
            SignatureAlgorithm::RsaSha256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(algorithm, &self.der)
            .verify(message, signature)
            .is_ok()
    }
}

/// The key set served at `/openid/v1/jwks` (as `application/jwk-set+json`).
pub fn jwks(keys: &[PublicKey]) -> Value {
    json!({"keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>()})
}

/// The document served at `/.well-known/openid-configuration`.
pub fn openid_configuration(issuer: &str, jwks_uri: &str, keys: &[PublicKey]) -> Value {
    let mut algorithms: Vec<&str> = keys.iter().map(|key| key.algorithm.jwa()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    })
}

/// Base64url of a big number without its leading zeros.
fn number(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|&&b| b == 0).count();
    URL_SAFE_NO_PAD.encode(&bytes[zeros..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_pem() {
        let key = Key::generate_ecdsa().expect("key");
        let private = key.to_pem().expect("text");
        let public = key.public_pem();
        let both = format!("{public}{}", Key::generate_rsa().expect("key").public_pem());
        for (text, count) in [(&private, 1), (&public, 1), (&both, 2)] {
            let keys = PublicKey::all_from_pem(text).expect("read");
            assert_eq!(keys.len(), count);
            assert_eq!(
                keys[0].id(),
                PublicKey::from_der(key.public_der()).expect("read").id()
            );
        }
        assert!(PublicKey::all_from_pem("").is_err());
    }

    #[test]
    fn the_key_set_is_public_and_complete() {
        for (key, fields) in [
            (
                Key::generate_ecdsa(),
                vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
            ),
            (Key::generate_rsa(), vec!["alg", "e", "kid", "kty", "n", "use"]),
        ] {
            let key = PublicKey::from_der(key.expect("key").public_der()).expect("read");
            let set = jwks(&[key]);
            let mut names: Vec<&String> = set["keys"][0].as_object().expect("object").keys().collect();
            names.sort();
            assert_eq!(names, fields);
        }
    }
}
