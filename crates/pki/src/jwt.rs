//! JSON web tokens (RFC 7519) in compact form.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::PkiError;
use crate::key::{Key, SignatureAlgorithm};
use crate::public_key::PublicKey;

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kid: String,
}

/// Why a token is not what it seems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no signed JSON web token, or says something else than expected.
    #[error("malformed token")]
    Malformed,
    /// None of the keys is the one that it names.
    #[error("invalid signature, no keys found")]
    UnknownKey,
    /// The signature is not by the key.
    #[error("invalid signature")]
    Signature,
}

impl SignatureAlgorithm {
    /// Its name in JSON web tokens (RFC 7518).
    pub fn jwa(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ES256",
            Self::EcdsaP384Sha384 => "ES384",
            Self::RsaSha256 => "RS256",
        }
    }
}

/// A token with these claims, signed by `key`.
pub fn sign(claims: &impl Serialize, key: &Key) -> Result<String, PkiError> {
    let header = Header {
        alg: key.algorithm().jwa().to_owned(),
        kid: PublicKey::from_der(key.public_der())?.id().to_owned(),
    };
    let mut token = format!("{}.{}", part(&header)?, part(claims)?);
    let signature = key.sign(token.as_bytes())?;
    let signature = match key.algorithm() {
        SignatureAlgorithm::RsaSha256 => signature,
        SignatureAlgorithm::EcdsaP256Sha256 => fixed(&signature, 32)?,
        SignatureAlgorithm::EcdsaP384Sha384 => fixed(&signature, 48)?,
    };
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// The claims of a token that one of `keys` has signed. Nothing in them is checked.
pub fn verify<T: DeserializeOwned>(token: &str, keys: &[PublicKey]) -> Result<T, TokenError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let header: Header = read(header)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TokenError::Malformed)?;
    let mut candidates = keys
        .iter()
        .filter(|key| {
            key.algorithm().jwa() == header.alg && (header.kid.is_empty() || header.kid == key.id())
        })
        .peekable();
    if candidates.peek().is_none() {
        return Err(TokenError::UnknownKey);
    }
    if candidates.any(|key| key.verifies(signed.as_bytes(), &signature)) {
        read(claims)
    } else {
        Err(TokenError::Signature)
    }
}

/// What a token claims, believed by nobody: tells whose token it may be before a signature is checked.
pub fn unverified_claims<T: DeserializeOwned>(token: &str) -> Result<T, TokenError> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(claims), Some(_), None) => read(claims),
        _ => Err(TokenError::Malformed),
    }
}

fn part(value: &impl Serialize) -> Result<String, PkiError> {
    let json = serde_json::to_vec(value).map_err(|error| PkiError::Key(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn read<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

/// An ECDSA signature as JWS wants it (RFC 7518, 3.4): both numbers, each `length` bytes long, one after the other.
fn fixed(der: &[u8], length: usize) -> Result<Vec<u8>, PkiError> {
    let failed = || PkiError::Key(String::from("signing"));
    let numbers = yasna::parse_der(der, |reader| {
        reader.read_sequence(|s| {
            let (r, _) = s.next().read_bigint_bytes()?;
            let (s, _) = s.next().read_bigint_bytes()?;
            Ok([r, s])
        })
    })
    .map_err(|_| failed())?;
    let mut signature = Vec::with_capacity(2 * length);
    for number in numbers {
        let zeros = number.iter().take_while(|&&b| b == 0).count();
        let padding = length.checked_sub(number.len() - zeros).ok_or_else(failed)?;
        signature.resize(signature.len() + padding, 0);
        signature.extend_from_slice(&number[zeros..]);
    }
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_the_key_that_signed_verifies() {
        let other = PublicKey::from_der(Key::generate_rsa().expect("key").public_der()).expect("public");
        for key in [Key::generate_ecdsa(), Key::generate_rsa()] {
            let key = key.expect("key");
            let public = PublicKey::from_der(key.public_der()).expect("public");
            // ECDSA signatures differ in length: try some.
            for number in 0..20 {
                let claims = json!({"sub": "a", "number": number});
                let token = sign(&claims, &key).expect("signed");
                let verify = |token: &str, keys: &[PublicKey]| super::verify::<Value>(token, keys);
                assert_eq!(
                    verify(&token, &[other.clone(), public.clone()]),
                    Ok(claims.clone())
                );
                assert_eq!(unverified_claims(&token), Ok(claims));
                assert_eq!(
                    verify(&token, std::slice::from_ref(&other)),
                    Err(TokenError::UnknownKey)
                );
                let (signed, signature) = token.rsplit_once('.').expect("a token");
                let forged = token.replace(signed.split_once('.').expect("a token").1, "e30");
                assert_eq!(
                    verify(&forged, std::slice::from_ref(&public)),
                    Err(TokenError::Signature)
                );
                let unsigned = format!("eyJhbGciOiJub25lIn0.e30.{signature}");
                assert_eq!(
                    verify(&unsigned, std::slice::from_ref(&public)),
                    Err(TokenError::UnknownKey)
                );
            }
        }
        for token in ["", "a", "a.b", "a.b.c", "..", "e30.e30.e30"] {
            let verified = super::verify::<Value>(token, std::slice::from_ref(&other));
            assert_eq!(verified, Err(TokenError::Malformed), "{token}");
        }
    }
}
