//! What a backup is made of: files of the data directory, the store's keys, and what they add up to.

use std::time::Duration;

use bytes::Bytes;
use store::{Key, KeyValue, Revision, SnapshotEntry};

use crate::error::BackupError;

/// One thing of a backup. Files come first, then the keys in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A file of the data directory.
    File(SavedFile),
    /// A key of the store.
    Entry(SnapshotEntry),
}

/// A file of the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// What it is.
    pub role: FileRole,
    /// Its path below the data directory.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub content: Bytes,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileRole {
    /// Keys and certificates, and kubeconfigs with them.
    Pki,
    /// A token.
    Token,
    /// Keys that values in the store are encrypted with.
    EncryptionKey,
    /// How the server was told to run.
    Configuration,
}

/// What a backup adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many files.
    pub files: u64,
    /// How many keys.
    pub entries: u64,
    /// Bytes of all of them: names, keys, contents, values.
    pub bytes: u64,
}

/// A record as it comes from the file.
pub(crate) enum Parsed {
    Record(Record),
    End(Totals),
}

/// Bytes in front of a record: what it is, and how long.
pub(crate) const FRAME: usize = 5;

/// More than the store takes in a transaction, and than a file of a data directory has.
pub(crate) const MAX_RECORD: usize = 64 << 20;

const FILE: u8 = 1;
const ENTRY: u8 = 2;
const END: u8 = 3;

/// Stands for "for ever".
const NO_EXPIRY: u64 = u64::MAX;

impl FileRole {
    const ALL: [Self; 4] = [Self::Pki, Self::Token, Self::EncryptionKey, Self::Configuration];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pki => "keys and certificates",
            Self::Token => "tokens",
            Self::EncryptionKey => "encryption keys",
            Self::Configuration => "configuration",
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Pki => 1,
            Self::Token => 2,
            Self::EncryptionKey => 3,
            Self::Configuration => 4,
        }
    }
}

impl Totals {
    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        match record {
            Record::File(file) => {
                self.files += 1;
                self.bytes += (file.path.len() + file.content.len()) as u64;
            }
            Record::Entry(entry) => {
                self.entries += 1;
                self.bytes += (entry.key_value.key.len() + entry.key_value.value.len()) as u64;
            }
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        framed(END, out, |out| {
            for number in [self.files, self.entries, self.bytes] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        });
    }
}

impl Record {
    /// Appends the record.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), BackupError> {
        let start = out.len();
        match self {
            Self::File(file) => framed(FILE, out, |out| {
                out.extend_from_slice(&file.role.number().to_le_bytes());
                out.extend_from_slice(&file.mode.to_le_bytes());
                text(file.path.as_bytes(), out);
                out.extend_from_slice(&file.content);
            }),
            Self::Entry(entry) => framed(ENTRY, out, |out| encode_entry(entry, out)),
        }
        let size = out.len() - start - FRAME;
        if size > MAX_RECORD {
            let what = match self {
                Self::File(file) => file.path.clone(),
                Self::Entry(entry) => entry.key_value.key.to_string(),
            };
            return Err(BackupError::TooLarge { what, size });
        }
        Ok(())
    }
}

fn encode_entry(entry: &SnapshotEntry, out: &mut Vec<u8>) {
    let key_value = &entry.key_value;
    let expiry = entry.time_to_live.map_or(NO_EXPIRY, |left| {
        u64::try_from(left.as_millis()).unwrap_or(NO_EXPIRY - 1)
    });
    let numbers = [
        key_value.create_revision.get(),
        key_value.mod_revision.get(),
        key_value.version,
        expiry,
    ];
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
    text(&key_value.key, out);
    out.extend_from_slice(&key_value.value);
}

fn framed(kind: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    // A record that is too long is refused by who asked for it.
    let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The length of the record that begins with this frame; none if it is impossible.
pub(crate) fn length(frame: [u8; FRAME]) -> Option<usize> {
    let [_, length @ ..] = frame;
    let length = u32::from_le_bytes(length) as usize;
    (length <= MAX_RECORD).then_some(length)
}

/// Reads a record. None if it makes no sense.
pub(crate) fn parse(kind: u8, body: Bytes) -> Option<Parsed> {
    let mut fields = Fields(body);
    match kind {
        FILE => {
            let role = fields.u32()?;
            let role = FileRole::ALL.into_iter().find(|known| known.number() == role)?;
            let mode = fields.u32()?;
            let path = String::from_utf8(fields.text()?.to_vec()).ok()?;
            Some(Parsed::Record(Record::File(SavedFile {
                role,
                mode,
                path,
                content: fields.0,
            })))
        }
        ENTRY => Some(Parsed::Record(Record::Entry(parse_entry(fields)?))),
        END => {
            let totals = Totals {
                files: fields.u64()?,
                entries: fields.u64()?,
                bytes: fields.u64()?,
            };
            fields.0.is_empty().then_some(Parsed::End(totals))
        }
        _ => None,
    }
}

fn parse_entry(mut fields: Fields) -> Option<SnapshotEntry> {
    let (create_revision, mod_revision, version) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let expiry = fields.u64()?;
    let key = fields.text()?;
    let is_possible = !key.is_empty() && 0 < create_revision && create_revision <= mod_revision;
    is_possible.then(|| SnapshotEntry {
        key_value: KeyValue {
            key: Key::from(&key[..]),
            value: fields.0,
            create_revision: Revision::new(create_revision),
            mod_revision: Revision::new(mod_revision),
            version,
        },
        time_to_live: (expiry != NO_EXPIRY).then(|| Duration::from_millis(expiry)),
    })
}

/// Bytes that are read from the front.
struct Fields(Bytes);

impl Fields {
    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_le_bytes(bytes[..].try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        let bytes = self.take(8)?;
        Some(u64::from_le_bytes(bytes[..].try_into().ok()?))
    }

    fn text(&mut self) -> Option<Bytes> {
        let length = self.u32()? as usize;
        self.take(length)
    }
}
