//! A text that only those can read who know a passphrase: PBKDF2 (RFC 8018) with SHA-256, and AES-256-GCM.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;
/// What OWASP recommends for PBKDF2 with SHA-256; some tenths of a second.
const ITERATIONS: u32 = 600_000;
/// More would let a forged text keep the reader busy.
const MOST_ITERATIONS: u32 = 10_000_000;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// Why a text cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// It was never sealed.
    #[error("it is not a sealed text")]
    Malformed,
    /// A later program sealed it.
    #[error("it is sealed in form {0}, which only a newer pintle can open")]
    Newer(u32),
    /// The passphrase is another, or somebody has changed the text.
    #[error("the passphrase does not open it")]
    Passphrase,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    version: u32,
    #[serde(default)]
    iterations: u32,
    #[serde(default)]
    salt: String,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    sealed: String,
}

/// Seals `content`. `purpose` is bound to it: a text sealed for one purpose does not open for another.
pub fn seal(passphrase: &str, purpose: &str, content: &[u8]) -> Result<String, SealError> {
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_LEN]);
    let random = SystemRandom::new();
    random.fill(&mut salt).map_err(|_| SealError::Randomness)?;
    random.fill(&mut nonce).map_err(|_| SealError::Randomness)?;
    let mut sealed = content.to_vec();
    let key = key(passphrase, &salt, ITERATIONS)?;
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        bound_to(purpose, ITERATIONS),
        &mut sealed,
    )
    .map_err(|_| SealError::Malformed)?;
    let envelope = Envelope {
        version: VERSION,
        iterations: ITERATIONS,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce),
        sealed: STANDARD.encode(sealed),
    };
    serde_json::to_string(&envelope).map_err(|_| SealError::Malformed)
}

/// Opens what [`seal`] sealed.
pub fn open(passphrase: &str, purpose: &str, text: &[u8]) -> Result<Vec<u8>, SealError> {
    let envelope: Envelope = serde_json::from_slice(text).map_err(|_| SealError::Malformed)?;
    if envelope.version > VERSION {
        return Err(SealError::Newer(envelope.version));
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| SealError::Malformed);
    let nonce = Nonce::try_assume_unique_for_key(&bytes(&envelope.nonce)?);
    let nonce = nonce.map_err(|_| SealError::Malformed)?;
    let key = key(passphrase, &bytes(&envelope.salt)?, envelope.iterations)?;
    let mut sealed = bytes(&envelope.sealed)?;
    let content = key
        .open_in_place(nonce, bound_to(purpose, envelope.iterations), &mut sealed)
        .map_err(|_| SealError::Passphrase)?;
    Ok(content.to_vec())
}

fn key(passphrase: &str, salt: &[u8], iterations: u32) -> Result<LessSafeKey, SealError> {
    let iterations = NonZeroU32::new(iterations).filter(|count| count.get() <= MOST_ITERATIONS);
    let iterations = iterations.ok_or(SealError::Malformed)?;
    let mut key = [0; KEY_BYTES];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, iterations, salt, passphrase.as_bytes(), &mut key);
    let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| SealError::Malformed)?;
    Ok(LessSafeKey::new(key))
}

fn bound_to(purpose: &str, iterations: u32) -> Aad<Vec<u8>> {
    Aad::from(format!("{purpose} {VERSION} {iterations}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_the_passphrase_reads_what_was_sealed_and_nobody_else() {
        let sealed = seal("abcdef.0123456789abcdef", "test", b"content").expect("sealed");
        assert!(!sealed.contains("content"));
        let open = |passphrase, purpose, text: &str| open(passphrase, purpose, text.as_bytes());
        let right = open("abcdef.0123456789abcdef", "test", &sealed);
        assert_eq!(right.as_deref(), Ok(&b"content"[..]));
        assert_eq!(open("other", "test", &sealed), Err(SealError::Passphrase));
        let other_purpose = open("abcdef.0123456789abcdef", "other", &sealed);
        assert_eq!(other_purpose, Err(SealError::Passphrase));
        assert_ne!(seal("p", "test", b"content"), seal("p", "test", b"content"));
    }

    #[test]
    fn what_is_no_sealed_text_is_said_so() {
        for (text, error) in [
            ("", SealError::Malformed),
            ("{}", SealError::Malformed),
            (r#"{"version":1,"iterations":0}"#, SealError::Malformed),
            (
                r#"{"version":1,"iterations":4000000000,"nonce":"AAAAAAAAAAAAAAAA"}"#,
                SealError::Malformed,
            ),
            (r#"{"version":2,"other":1}"#, SealError::Newer(2)),
        ] {
            assert_eq!(open("p", "test", text.as_bytes()), Err(error), "{text}");
        }
    }
}
