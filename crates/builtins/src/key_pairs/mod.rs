//! Whether key and certificate in secrets of type `kubernetes.io/tls` belong together: who writes others is warned, in Go's
//! words. What can be said without cryptography the kind says itself.

mod certificate;
mod curve;
mod der;
mod private_key;

use registry::Hooks;
use serde_json::Value;

use certificate::PublicKey;

/// Warns of keys that are not those of their certificates.
pub struct KeyPairs;

impl Hooks for KeyPairs {
    fn warnings(&self, new: &Value) -> Vec<String> {
        let complaint = kinds::tls_key_pair(new).and_then(|pair| complaint(&pair.certificate, &pair.key));
        complaint.map(str::to_owned).into_iter().collect()
    }
}

/// What is wrong with a certificate and its key, both in DER.
fn complaint(certificate: &[u8], key: &[u8]) -> Option<&'static str> {
    let judge = || {
        let public = certificate::public_key(certificate)?;
        let belongs_to = private_key::public_key(key)?;
        if public == PublicKey::Other {
            return Err("tls: unknown public key algorithm");
        }
        if std::mem::discriminant(&public) != std::mem::discriminant(&belongs_to) {
            return Err("tls: private key type does not match public key type");
        }
        match public == belongs_to {
            true => Ok(()),
            false => Err("tls: private key does not match public key"),
        }
    };
    judge().err()
}

#[cfg(test)]
mod tests;
