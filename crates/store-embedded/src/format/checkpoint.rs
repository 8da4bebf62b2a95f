//! Checkpoints: the index as it was at one place of the log, so that opening a store reads only what came
//! later.
//!
//! A header, blocks of entries in the order of the keys, and a last block with their number. Keys leave out
//! what they share with the key before them in the block.

use super::Problem;
use super::checksum::Seal;
use super::fields::Fields;
use super::identity::Identity;
use crate::version::{Location, Version, Versions};

/// How many bytes a checkpoint begins with.
pub(crate) const CHECKPOINT_HEADER: usize = 56;
/// How many bytes a block begins with.
pub(crate) const BLOCK_HEADER: usize = 16;

const MAGIC: [u8; 8] = *b"PNTLCKP1";
const SEAL_KIND: u64 = 2;
const SUFFIX: &str = ".checkpoint";
/// A block is closed when it has grown to this.
const BLOCK_BYTES: usize = 64 << 10;
/// How many bytes a version takes.
const VERSION_BYTES: usize = 44;

/// A place between two frames of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    /// The sequence number of the next frame.
    pub(crate) sequence: u64,
}

/// What a checkpoint says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointHeader {
    /// Entries have no version after this revision.
    pub(crate) revision: u64,
    pub(crate) compacted: u64,
    /// Where the log goes on.
    pub(crate) position: Position,
}

impl CheckpointHeader {
    pub(crate) fn encode(&self, seal: Seal) -> Vec<u8> {
        let mut out = vec![0; 8];
        out.extend_from_slice(&MAGIC);
        let position = self.position;
        let numbers = [
            self.revision,
            self.compacted,
            position.segment.into(),
            position.offset,
            position.sequence,
        ];
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
        seal.close(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8], seal: Seal) -> Result<Self, Problem> {
        if !seal.holds(bytes) {
            return Err("the checksum of the header does not fit");
        }
        let mut fields = Fields::new(&bytes[8..]);
        let mut read = || {
            if fields.array()? != MAGIC {
                return None;
            }
            let (revision, compacted) = (fields.counter()?, fields.counter()?);
            let segment = u32::try_from(fields.u64()?).ok()?;
            let position = Position {
                segment,
                offset: fields.u64()?,
                sequence: fields.counter()?,
            };
            Some(Self {
                revision,
                compacted,
                position,
            })
        };
        read().ok_or("the header is not one of a checkpoint")
    }
}

/// Gathers entries into a block.
#[derive(Debug)]
pub(crate) struct BlockBuilder {
    bytes: Vec<u8>,
    count: u32,
    last_key: Vec<u8>,
    seal: Seal,
    total: u64,
}

impl BlockBuilder {
    pub(crate) fn new(seal: Seal) -> Self {
        Self {
            bytes: vec![0; BLOCK_HEADER],
            count: 0,
            last_key: Vec::new(),
            seal,
            total: 0,
        }
    }

    /// Appends a key with its versions.
    pub(crate) fn push(&mut self, key: &[u8], versions: &[Version]) {
        let shared = key
            .iter()
            .zip(&self.last_key)
            .take_while(|(one, other)| one == other)
            .count();
        let suffix = &key[shared..];
        for length in [shared, suffix.len()] {
            let length = u16::try_from(length).expect("keys are measured before they are taken");
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        let count = u32::try_from(versions.len()).expect("a key has far fewer versions");
        self.bytes.extend_from_slice(&count.to_le_bytes());
        self.bytes.extend_from_slice(suffix);
        for version in versions {
            encode_version(version, &mut self.bytes);
        }
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(suffix);
        self.count += 1;
        self.total += 1;
    }

    /// Whether the block is large enough to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    /// The block, if there is anything in it; the next begins.
    pub(crate) fn finish_block(&mut self) -> Option<Vec<u8>> {
        (self.count > 0).then(|| self.close())
    }

    /// The last block of the checkpoint.
    pub(crate) fn finish_checkpoint(mut self) -> Vec<u8> {
        debug_assert_eq!(self.count, 0, "the last block is written before");
        self.bytes.extend_from_slice(&self.total.to_le_bytes());
        self.close()
    }

    fn close(&mut self) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len() - BLOCK_HEADER).expect("a block is small");
        self.bytes[8..12].copy_from_slice(&length.to_le_bytes());
        self.bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        self.seal.close(&mut self.bytes);
        self.count = 0;
        self.last_key.clear();
        std::mem::replace(&mut self.bytes, vec![0; BLOCK_HEADER])
    }
}

/// What a block turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// One with entries.
    Entries,
    /// The last one, with the number of all entries.
    End {
        /// How many there are.
        total: u64,
    },
}

/// How long the block with this header is, header included.
pub(crate) fn block_length(header: &[u8]) -> Result<usize, Problem> {
    let mut fields = Fields::new(header);
    let length = fields
        .u64()
        .and_then(|_checksum| fields.u32())
        .ok_or("a block is cut off")?;
    Ok(BLOCK_HEADER + length as usize)
}

/// Reads a block, and hands each of its entries on.
pub(crate) fn read_block(
    block: &[u8],
    seal: Seal,
    mut entry: impl FnMut(&[u8], Versions) -> Result<(), Problem>,
) -> Result<Block, Problem> {
    if !seal.holds(block) {
        return Err("the checksum of a block does not fit");
    }
    let mut fields = Fields::new(block);
    let mut header = || Some((fields.u64()?, fields.u32()?, fields.u32()?));
    let (_, _, count) = header().ok_or("a block is cut off")?;
    if count == 0 {
        let total = fields.u64().ok_or("the last block is cut off")?;
        return Ok(Block::End { total });
    }
    let mut key = Vec::new();
    for _ in 0..count {
        let versions = read_entry(&mut fields, &mut key).ok_or("an entry is cut off")?;
        entry(&key, versions)?;
    }
    if !fields.is_empty() {
        return Err("a block is longer than its entries");
    }
    Ok(Block::Entries)
}

fn read_entry(fields: &mut Fields<'_>, key: &mut Vec<u8>) -> Option<Versions> {
    let (shared, suffix) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
    let count = fields.u32()? as usize;
    if shared > key.len() {
        return None;
    }
    key.truncate(shared);
    key.extend_from_slice(fields.take(suffix)?);
    let mut versions = Fields::new(fields.take(count.checked_mul(VERSION_BYTES)?)?);
    (0..count).map(|_| decode_version(&mut versions)).collect()
}

fn encode_version(version: &Version, out: &mut Vec<u8>) {
    let Location {
        segment,
        offset,
        length,
    } = version.location;
    let long = [
        version.revision,
        version.create_revision,
        version.version,
        version.expires_ms,
    ];
    let mut bytes = [0; VERSION_BYTES];
    let (front, back) = bytes.split_at_mut(size_of_val(&long));
    for (place, number) in front.chunks_exact_mut(8).zip(long) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    for (place, number) in back.chunks_exact_mut(4).zip([segment, offset, length]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    // At once: a checkpoint of a busy store has hundreds of thousands of them.
    out.extend_from_slice(&bytes);
}

fn decode_version(fields: &mut Fields<'_>) -> Option<Version> {
    Some(Version {
        revision: fields.counter()?,
        create_revision: fields.counter()?,
        version: fields.counter()?,
        expires_ms: fields.u64()?,
        location: Location {
            segment: fields.u32()?,
            offset: fields.u32()?,
            length: fields.u32()?,
        },
    })
}

/// The seal of a checkpoint.
pub(crate) fn seal(identity: Identity, number: u32) -> Seal {
    Seal::new(identity.store, SEAL_KIND, u64::from(number))
}

/// The name of a checkpoint's file.
pub(crate) fn file_name(number: u32) -> String {
    format!("{number:010}{SUFFIX}")
}

/// The name of a checkpoint's file until it is whole.
pub(crate) fn unfinished_name(number: u32) -> String {
    format!("{}.new", file_name(number))
}

/// The number of the checkpoint with this file name; `None` if it is none.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 10).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(revision: u64) -> Version {
        Version {
            revision,
            create_revision: 1,
            version: revision,
            expires_ms: 0,
            location: Location {
                segment: 1,
                offset: 64,
                length: 100,
            },
        }
    }

    #[test]
    fn entries_come_back() {
        let seal = seal(Identity { store: [9; 16] }, 2);
        let entries: Vec<(String, Vec<Version>)> = (0..3000)
            .map(|n| {
                (
                    format!("/registry/pods/default/{n:05}"),
                    (1..=n % 3 + 1).map(version).collect(),
                )
            })
            .collect();
        let mut builder = BlockBuilder::new(seal);
        let mut bytes = Vec::new();
        for (key, versions) in &entries {
            builder.push(key.as_bytes(), versions);
            if builder.is_full() {
                bytes.extend(builder.finish_block().expect("it is full"));
            }
        }
        bytes.extend(builder.finish_block().unwrap_or_default());
        bytes.extend(builder.finish_checkpoint());

        let (mut rest, mut found) = (&bytes[..], Vec::new());
        let total = loop {
            let (block, after) = rest.split_at(block_length(rest).expect("it was written"));
            rest = after;
            let block = read_block(block, seal, |key, versions| {
                found.push((String::from_utf8_lossy(key).into_owned(), versions.into_vec()));
                Ok(())
            });
            match block.expect("it was written") {
                Block::Entries => {}
                Block::End { total } => break total,
            }
        };
        assert!(rest.is_empty());
        assert_eq!(total, 3000);
        assert_eq!(found, entries);
        bytes[100] ^= 1;
        let first = block_length(&bytes).expect("it was written");
        assert!(read_block(&bytes[..first], seal, |_, _| Ok(())).is_err());
    }

    #[test]
    fn a_header_comes_back() {
        let seal = seal(Identity { store: [9; 16] }, 2);
        let header = CheckpointHeader {
            revision: 7,
            compacted: 3,
            position: Position {
                segment: 2,
                offset: 640,
                sequence: 12,
            },
        };
        let mut bytes = header.encode(seal);
        assert_eq!(bytes.len(), CHECKPOINT_HEADER);
        assert_eq!(CheckpointHeader::decode(&bytes, seal), Ok(header));
        bytes[20] ^= 1;
        assert!(CheckpointHeader::decode(&bytes, seal).is_err());
    }
}
