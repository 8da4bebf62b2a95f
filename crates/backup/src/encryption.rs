//! A passphrase, the key that is made of it, and sealing with that key.
//!
//! Chunks are sealed as a stream: the number of a chunk and whether it is the last are part of its nonce, so that chunks
//! that are moved, left out or cut off do not open. Each file has a key of its own, made with its own salt, so nonces never
//! come twice.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA512, derive};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::BackupError;

const CIPHER: &str = "AES-256-GCM";
const DERIVATION: &str = "PBKDF2-HMAC-SHA512";

/// About a second of one core: what a guess costs.
const ITERATIONS: u32 = 1_000_000;

/// A file that asks for more is not ours, and would only burn time.
const MAX_ITERATIONS: u32 = 100_000_000;

const SALT_BYTES: usize = 32;

/// How a file is encrypted: everything but the passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    cipher: String,
    derivation: String,
    iterations: u32,
    /// In base64.
    salt: String,
}

/// A passphrase. `Debug` does not show it.
#[derive(Clone)]
pub struct Passphrase(Vec<u8>);

impl Passphrase {
    /// The text of a file or a prompt, without the end of its line.
    pub fn new(text: &str) -> Result<Self, BackupError> {
        match text.trim_end_matches(['\n', '\r']) {
            "" => Err(BackupError::EmptyPassphrase),
            text => Ok(Self(text.as_bytes().to_vec())),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// The key of one file.
pub(crate) struct Key(LessSafeKey);

impl Encryption {
    /// For a new file.
    pub(crate) fn new() -> Result<Self, BackupError> {
        Self::with_iterations(ITERATIONS)
    }

    pub(crate) fn with_iterations(iterations: u32) -> Result<Self, BackupError> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| BackupError::Randomness)?;
        Ok(Self {
            cipher: CIPHER.to_owned(),
            derivation: DERIVATION.to_owned(),
            iterations,
            salt: STANDARD.encode(salt),
        })
    }

    /// Makes the key. None if a file asks for what is not known here.
    pub(crate) fn key(&self, passphrase: &Passphrase) -> Option<Key> {
        let iterations = NonZeroU32::new(self.iterations).filter(|n| n.get() <= MAX_ITERATIONS)?;
        if self.cipher != CIPHER || self.derivation != DERIVATION {
            return None;
        }
        let salt = STANDARD.decode(&self.salt).ok()?;
        let mut key = [0; 32];
        derive(PBKDF2_HMAC_SHA512, iterations, &salt, &passphrase.0, &mut key);
        let key = UnboundKey::new(&AES_256_GCM, &key).ok()?;
        Some(Key(LessSafeKey::new(key)))
    }
}

impl Key {
    /// Seals a chunk in place; the tag comes behind it.
    pub(crate) fn seal(&self, place: Place, header: &[u8], chunk: &mut Vec<u8>) -> Result<(), BackupError> {
        let sealed = self
            .0
            .seal_in_place_append_tag(place.nonce(), Aad::from(header), chunk);
        sealed.map_err(|_| BackupError::TooLarge {
            what: String::from("a chunk"),
            size: chunk.len(),
        })
    }

    /// Opens a chunk. None if it was not sealed with this key, for this place and header.
    pub(crate) fn open<'a>(&self, place: Place, header: &[u8], chunk: &'a mut [u8]) -> Option<&'a [u8]> {
        let opened = self.0.open_in_place(place.nonce(), Aad::from(header), chunk);
        opened.ok().map(|opened| &*opened)
    }
}

/// Where in a file a chunk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) number: u32,
    pub(crate) last: bool,
}

impl Place {
    fn nonce(self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&self.number.to_be_bytes());
        nonce[11] = u8::from(self.last);
        Nonce::assume_unique_for_key(nonce)
    }
}
