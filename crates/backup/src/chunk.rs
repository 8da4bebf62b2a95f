//! Chunks: the records' bytes, cut in pieces, each compressed, sealed and checksummed.
//!
//! A checksum covers the one before it, so that chunks cannot be exchanged, repeated or left out unnoticed even where
//! nothing is encrypted; the first covers the header's.

use std::io::{Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::encryption::{Key, Place};
use crate::error::BackupError;
use crate::header::{CHECKSUM, Framed};

/// Bytes of records in a chunk.
pub(crate) const CHUNK: usize = 256 << 10;

/// What stands in the length of the last chunk.
const LAST: u32 = 1 << 31;

/// Bytes in front of a chunk: its length.
const LENGTH: usize = 4;

/// A stored chunk may be a little larger than its content: a byte that says how it is packed, and a tag.
const MAX_STORED: usize = CHUNK + 64;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// Turns content into stored chunks and back, one after the other.
pub(crate) struct Chunks {
    key: Option<Key>,
    header: [u8; CHECKSUM],
    previous: [u8; CHECKSUM],
    number: u32,
    /// Where in the file the next chunk begins.
    pub(crate) offset: u64,
}

/// A chunk's content, and whether it is the last.
pub(crate) struct Opened {
    pub(crate) content: Vec<u8>,
    pub(crate) last: bool,
}

impl Chunks {
    pub(crate) fn behind(framed: &Framed, key: Option<Key>) -> Self {
        Self {
            key,
            header: framed.checksum,
            previous: framed.checksum,
            number: 0,
            offset: framed.length,
        }
    }

    /// Writes a chunk.
    pub(crate) fn write(
        &mut self,
        content: &[u8],
        last: bool,
        out: &mut impl Write,
        name: &str,
    ) -> Result<(), BackupError> {
        let mut stored = pack(content).map_err(BackupError::write(name))?;
        if let Some(key) = &self.key {
            let place = Place {
                number: self.number,
                last,
            };
            key.seal(place, &self.header, &mut stored)?;
        }
        let length = u32::try_from(stored.len()).expect("chunks are small") | if last { LAST } else { 0 };
        let length = length.to_le_bytes();
        let checksum = self.checksum(&length, &stored);
        out.write_all(&length)
            .and_then(|()| out.write_all(&stored))
            .and_then(|()| out.write_all(&checksum))
            .map_err(BackupError::write(name))?;
        self.advance(stored.len(), checksum);
        Ok(())
    }

    /// Reads a chunk.
    pub(crate) fn read(&mut self, input: &mut impl Read, name: &str) -> Result<Opened, BackupError> {
        let offset = self.offset;
        let damaged = |problem: &str| BackupError::Damaged {
            name: name.to_owned(),
            offset,
            problem: problem.to_owned(),
        };
        let mut length = [0; LENGTH];
        let failed = BackupError::read(name, offset);
        input.read_exact(&mut length).map_err(&failed)?;
        let number = u32::from_le_bytes(length);
        let (last, size) = (number & LAST != 0, (number & !LAST) as usize);
        if size == 0 || size > MAX_STORED {
            return Err(damaged("the length of a chunk is impossible"));
        }
        let mut stored = vec![0; size];
        let mut checksum = [0; CHECKSUM];
        input.read_exact(&mut stored).map_err(&failed)?;
        input.read_exact(&mut checksum).map_err(&failed)?;
        if self.checksum(&length, &stored) != checksum {
            return Err(damaged("the checksum of a chunk does not fit"));
        }
        let place = Place {
            number: self.number,
            last,
        };
        let packed = match &self.key {
            None => &stored[..],
            Some(key) => match key.open(place, &self.header, &mut stored) {
                Some(packed) => packed,
                // Its checksum fits, so nothing is damaged: the key is another.
                None if self.number == 0 => {
                    return Err(BackupError::WrongPassphrase {
                        name: name.to_owned(),
                    });
                }
                None => return Err(damaged("a chunk was put there without the passphrase")),
            },
        };
        let content = unpack(packed).ok_or_else(|| damaged("a chunk cannot be unpacked"))?;
        self.advance(size, checksum);
        Ok(Opened { content, last })
    }

    fn checksum(&self, length: &[u8], stored: &[u8]) -> [u8; CHECKSUM] {
        let mut context = Context::new(&SHA256);
        for part in [&self.previous, length, stored] {
            context.update(part);
        }
        context
            .finish()
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    }

    fn advance(&mut self, stored: usize, checksum: [u8; CHECKSUM]) {
        self.previous = checksum;
        self.number += 1;
        self.offset += (LENGTH + stored + CHECKSUM) as u64;
    }
}

/// Compresses where that makes it shorter.
fn pack(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::fast());
    encoder.write_all(content)?;
    let packed = encoder.finish()?;
    if packed.len() <= content.len() {
        return Ok(packed);
    }
    let mut plain = Vec::with_capacity(content.len() + 1);
    plain.push(PLAIN);
    plain.extend_from_slice(content);
    Ok(plain)
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (how, rest) = packed.split_first()?;
    let mut content = Vec::new();
    match *how {
        PLAIN => content.extend_from_slice(rest),
        DEFLATED => {
            let limit = CHUNK as u64 + 1;
            DeflateDecoder::new(rest)
                .take(limit)
                .read_to_end(&mut content)
                .ok()?;
        }
        _ => return None,
    }
    (content.len() <= CHUNK).then_some(content)
}
