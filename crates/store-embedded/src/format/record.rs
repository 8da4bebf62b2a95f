//! Records: single changes, as they lie in frames.

use super::Problem;
use super::checksum::Seal;
use super::fields::Fields;
use super::packing;

/// How many bytes stand before a record's key.
pub(crate) const RECORD_HEADER: usize = 48;

/// The longest key a record can hold.
pub(crate) const MAX_KEY: usize = u16::MAX as usize;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// The key was set.
    Put = 1,
    /// The key was removed.
    Delete = 2,
    /// History before the revision was given up. There is no key.
    Compact = 3,
    /// A put of long ago, brought here from a segment that is to be removed.
    Moved = 4,
    /// The key was set; the value is packed.
    PackedPut = 5,
    /// A packed put of long ago, brought here.
    PackedMoved = 6,
}

/// One change, or one value brought here from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) revision: u64,
    pub(crate) create_revision: u64,
    pub(crate) version: u64,
    /// When the key expires, in milliseconds since 1970; zero if never.
    pub(crate) expires_ms: u64,
    pub(crate) key: &'a [u8],
    /// As it is stored.
    pub(crate) value: &'a [u8],
}

impl<'a> Record<'a> {
    /// The deletion of a key.
    pub(crate) fn delete(key: &'a [u8], revision: u64) -> Self {
        Self {
            key,
            ..Self::bare(RecordKind::Delete, revision)
        }
    }

    /// The end of history before a revision.
    pub(crate) fn compact(revision: u64) -> Self {
        Self::bare(RecordKind::Compact, revision)
    }

    fn bare(kind: RecordKind, revision: u64) -> Self {
        Self {
            kind,
            revision,
            create_revision: 0,
            version: 0,
            expires_ms: 0,
            key: &[],
            value: &[],
        }
    }

    /// How long a record with such a key and value is.
    pub(crate) fn length(key: usize, value: usize) -> usize {
        RECORD_HEADER + key + value
    }

    /// Appends the record; gives its length.
    pub(crate) fn encode(&self, seal: Seal, out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        let key_length = u16::try_from(self.key.len()).expect("keys are measured before they are taken");
        let value_length =
            u32::try_from(self.value.len()).expect("values are measured before they are taken");
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&[self.kind as u8, 0]);
        out.extend_from_slice(&key_length.to_le_bytes());
        out.extend_from_slice(&value_length.to_le_bytes());
        for number in [self.revision, self.create_revision, self.version, self.expires_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
        seal.close(&mut out[start..]);
        u32::try_from(out.len() - start).expect("a frame is far smaller than 4 GiB")
    }

    /// Reads the record at the start of `bytes`; gives it and its length. The checksum is not looked at.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<(Self, usize), Problem> {
        let mut fields = Fields::new(bytes);
        let mut read = || {
            fields.u64()?;
            let (kind, _reserved) = (fields.u8()?, fields.u8()?);
            let (key, value) = (usize::from(fields.u16()?), fields.u32()? as usize);
            let record = Self {
                kind: RecordKind::from_byte(kind)?,
                revision: fields.counter()?,
                create_revision: fields.counter()?,
                version: fields.counter()?,
                expires_ms: fields.u64()?,
                key: fields.take(key)?,
                value: fields.take(value)?,
            };
            Some((record, Self::length(key, value)))
        };
        read().ok_or("a record is cut off or of an unknown kind")
    }

    /// The value, if it is not stored as it is.
    pub(crate) fn unpacked(&self) -> Result<Option<Vec<u8>>, Problem> {
        self.kind
            .is_packed()
            .then(|| packing::unpack(self.value))
            .transpose()
    }

    /// Reads a record that fills `bytes`, and checks it.
    pub(crate) fn decode(bytes: &'a [u8], seal: Seal) -> Result<Self, Problem> {
        if !seal.holds(bytes) {
            return Err("the checksum of a record does not fit");
        }
        match Self::parse(bytes)? {
            (record, length) if length == bytes.len() => Ok(record),
            _ => Err("a record does not have its length"),
        }
    }
}

impl RecordKind {
    fn from_byte(byte: u8) -> Option<Self> {
        let all = [
            Self::Put,
            Self::Delete,
            Self::Compact,
            Self::Moved,
            Self::PackedPut,
            Self::PackedMoved,
        ];
        all.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Whether the record holds a value.
    pub(crate) fn has_value(self) -> bool {
        !matches!(self, Self::Delete | Self::Compact)
    }

    fn is_packed(self) -> bool {
        matches!(self, Self::PackedPut | Self::PackedMoved)
    }

    /// The kind of the record that holds the same value elsewhere.
    pub(crate) fn moved(self) -> Self {
        if self.is_packed() {
            Self::PackedMoved
        } else {
            Self::Moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: fn() -> Seal = || Seal::new([7; 16], 1, 3);

    fn sample() -> Record<'static> {
        Record {
            kind: RecordKind::Put,
            revision: 9,
            create_revision: 4,
            version: 3,
            expires_ms: 77,
            key: b"/registry/pods/default/a",
            value: b"{}",
        }
    }

    #[test]
    fn a_record_comes_back() {
        for record in [sample(), Record::delete(b"k", 5), Record::compact(6)] {
            let mut bytes = Vec::new();
            let length = record.encode(SEAL(), &mut bytes);
            assert_eq!(length as usize, bytes.len());
            assert_eq!(Record::decode(&bytes, SEAL()), Ok(record));
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let mut bytes = Vec::new();
        sample().encode(SEAL(), &mut bytes);
        for index in 0..bytes.len() {
            bytes[index] ^= 0x10;
            assert!(Record::decode(&bytes, SEAL()).is_err(), "byte {index}");
            bytes[index] ^= 0x10;
        }
        for length in 0..bytes.len() {
            assert!(
                Record::decode(&bytes[..length], SEAL()).is_err(),
                "length {length}"
            );
        }
        assert!(
            Record::decode(&bytes, Seal::new([7; 16], 1, 4)).is_err(),
            "another segment"
        );
        assert!(
            Record::decode(&bytes, Seal::new([8; 16], 1, 3)).is_err(),
            "another store"
        );
    }
}
