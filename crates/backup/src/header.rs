//! The beginning of a backup file: what it is and of what.

use std::io::{Read, Write};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::encryption::Encryption;
use crate::error::BackupError;

/// What every backup begins with.
pub(crate) const MAGIC: &[u8; 14] = b"pintle backup\n";

/// The format this version writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// More than any header needs; a damaged length must not take the memory.
const MAX_HEADER_BYTES: u32 = 64 << 10;

/// Bytes of a checksum: SHA-256.
pub(crate) const CHECKSUM: usize = 32;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Which cluster: SHA-256 of the public key of its authority, in hexadecimal. Empty if it has none yet.
    pub cluster: String,
    /// When the backup was begun.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub pintle_version: String,
    /// The store's revision that it holds.
    pub revision: u64,
}

/// The head of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// What it is of.
    #[serde(flatten)]
    pub about: About,
    /// How it is encrypted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

/// A header as it was written or read.
pub(crate) struct Framed {
    pub(crate) header: Header,
    /// Begins the chain of checksums.
    pub(crate) checksum: [u8; CHECKSUM],
    /// How long it is in the file.
    pub(crate) length: u64,
}

impl Header {
    pub(crate) fn write(self, out: &mut impl Write, name: &str) -> Result<Framed, BackupError> {
        let text = serde_json::to_vec(&self).map_err(|error| BackupError::write(name)(error.into()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        let length = u32::try_from(text.len()).expect("a header is short");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&text);
        let checksum = checksum_of(&bytes);
        bytes.extend_from_slice(&checksum);
        out.write_all(&bytes).map_err(BackupError::write(name))?;
        Ok(Framed {
            header: self,
            checksum,
            length: bytes.len() as u64,
        })
    }

    pub(crate) fn read(input: &mut impl Read, name: &str) -> Result<Framed, BackupError> {
        let not_a_backup = || BackupError::NotABackup {
            name: name.to_owned(),
        };
        let mut bytes = vec![0; MAGIC.len()];
        match input.read_exact(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(not_a_backup()),
            result => result.map_err(BackupError::read(name, 0))?,
        }
        if bytes != MAGIC {
            return Err(not_a_backup());
        }
        let found = number(input, &mut bytes, name)?;
        if found > FORMAT {
            return Err(BackupError::NewerFormat {
                name: name.to_owned(),
                found,
                newest: FORMAT,
            });
        }
        let length = number(input, &mut bytes, name)?;
        if found == 0 || length > MAX_HEADER_BYTES {
            return Err(damaged(name, "the header's length or format is none"));
        }
        let start = bytes.len();
        bytes.resize(start + length as usize, 0);
        let mut checksum = [0; CHECKSUM];
        input
            .read_exact(&mut bytes[start..])
            .and_then(|()| input.read_exact(&mut checksum))
            .map_err(BackupError::read(name, start as u64))?;
        if checksum_of(&bytes) != checksum {
            return Err(damaged(name, "the header's checksum does not fit"));
        }
        let header = serde_json::from_slice(&bytes[start..])
            .map_err(|error| damaged(name, &format!("the header cannot be read: {error}")))?;
        Ok(Framed {
            header,
            checksum,
            length: (bytes.len() + CHECKSUM) as u64,
        })
    }
}

fn number(input: &mut impl Read, bytes: &mut Vec<u8>, name: &str) -> Result<u32, BackupError> {
    let mut number = [0; 4];
    input
        .read_exact(&mut number)
        .map_err(BackupError::read(name, bytes.len() as u64))?;
    bytes.extend_from_slice(&number);
    Ok(u32::from_le_bytes(number))
}

fn damaged(name: &str, problem: &str) -> BackupError {
    BackupError::Damaged {
        name: name.to_owned(),
        offset: 0,
        problem: problem.to_owned(),
    }
}

pub(crate) fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
