//! Values that are stored smaller than they are.
//!
//! A state store of Kubernetes holds the same names of fields again and again, so values are compressed against a dictionary of
//! them that is a part of the format. What is compressed in another way, or against another dictionary, needs kinds of records
//! of its own.

use std::io::{Cursor, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use super::Problem;
use super::fields::Fields;

/// Objects as a cluster has them, the most frequent kinds last. It must never change: stores need it to be read.
const DICTIONARY: &[u8] = include_bytes!("dictionary-1.json");

/// Level 1 of zstd: higher ones save little more.
const LEVEL: i32 = 1;

/// Values of other lengths stay as they are. The upper bound also bounds what a reader makes room for.
const LENGTHS: std::ops::RangeInclusive<usize> = 64..=16 << 20;

/// A packed value begins with its length unpacked.
const PREFIX: usize = 4;

/// It pays if it saves so many parts of the value.
const SAVED: (usize, usize) = (1, 8);

/// After so many values in a row that it did not pay for, one in so many is tried.
const PATIENCE: u32 = 16;
/// And after so many, one in so many.
const RESIGNATION: (u32, u32) = (1 << 10, 1 << 7);

/// So many compressors, and decompressors, are kept for the next time.
const KEPT: usize = 4;

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));
static COMPRESSORS: Pool<Compressor<'static>> = Pool::new();
static DECOMPRESSORS: Pool<Decompressor<'static>> = Pool::new();

/// Packs values, if that pays.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// For so many values in a row it did not.
    in_vain: AtomicU32,
}

impl Packer {
    /// The value packed; `None` if it is better stored as it is.
    pub(crate) fn pack(&self, value: &[u8]) -> Option<Vec<u8>> {
        if !LENGTHS.contains(&value.len()) {
            return None;
        }
        let in_vain = self.in_vain.load(Ordering::Relaxed);
        if !is_tried(in_vain) {
            self.in_vain.store(in_vain.wrapping_add(1), Ordering::Relaxed);
            return None;
        }
        let packed = pack(value).filter(|packed| {
            let (parts, of) = SAVED;
            packed.len() <= value.len() / of * (of - parts)
        });
        let in_vain = match packed {
            Some(_) => 0,
            None => in_vain.wrapping_add(1),
        };
        self.in_vain.store(in_vain, Ordering::Relaxed);
        packed
    }
}

/// Whether to try a value after so many in a row that it did not pay for.
fn is_tried(in_vain: u32) -> bool {
    let (after, one_in) = RESIGNATION;
    in_vain < PATIENCE || in_vain.is_multiple_of(if in_vain < after { PATIENCE } else { one_in })
}

fn pack(value: &[u8]) -> Option<Vec<u8>> {
    let mut compressor = COMPRESSORS.take(|| Compressor::with_prepared_dictionary(&ENCODER).ok())?;
    let bound = PREFIX + zstd::zstd_safe::compress_bound(value.len());
    // Filled behind its length alone: to clear so much first would cost as much again.
    let mut packed = Cursor::new(Vec::with_capacity(bound));
    packed
        .write_all(&u32::try_from(value.len()).ok()?.to_le_bytes())
        .ok()?;
    compressor.compress_to_buffer(value, &mut packed).ok()?;
    COMPRESSORS.give_back(compressor);
    let mut packed = packed.into_inner();
    packed.shrink_to_fit();
    Some(packed)
}

/// What was packed.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, Problem> {
    const PROBLEM: Problem = "a packed value cannot be unpacked";
    let mut fields = Fields::new(packed);
    let length = fields.u32().ok_or(PROBLEM)? as usize;
    if !LENGTHS.contains(&length) {
        return Err(PROBLEM);
    }
    let mut decompressor = DECOMPRESSORS
        .take(|| Decompressor::with_prepared_dictionary(&DECODER).ok())
        .ok_or(PROBLEM)?;
    let value = decompressor
        .decompress(&packed[PREFIX..], length)
        .map_err(|_| PROBLEM)?;
    DECOMPRESSORS.give_back(decompressor);
    if value.len() == length {
        Ok(value)
    } else {
        Err(PROBLEM)
    }
}

/// What is costly to make and can be used again.
struct Pool<T> {
    kept: Mutex<Vec<T>>,
}

impl<T> Pool<T> {
    const fn new() -> Self {
        Self {
            kept: Mutex::new(Vec::new()),
        }
    }

    fn take(&self, make: impl FnOnce() -> Option<T>) -> Option<T> {
        let kept = self.kept.lock().pop();
        kept.or_else(make)
    }

    fn give_back(&self, used: T) {
        let mut kept = self.kept.lock();
        if kept.len() < KEPT {
            kept.push(used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twox_hash::XxHash3_64;

    /// As the API server writes them.
    const OBJECT: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"shop","uid":"0e4f5a0e-6a0e-4b8e-9e63-0c5a4c1d9b11","creationTimestamp":"2026-03-04T05:06:07Z"},"data":{"key":"value"}}"#;

    #[test]
    fn the_dictionary_is_what_stores_were_written_with() {
        let print = (DICTIONARY.len(), XxHash3_64::oneshot(DICTIONARY));
        assert_eq!(print, (23_379, 10_694_363_416_415_365_068));
    }

    #[test]
    fn what_was_packed_comes_back() {
        let packer = Packer::default();
        let values = [OBJECT.to_owned(), OBJECT.repeat(1000), "a".repeat(64)];
        for value in values {
            let packed = packer.pack(value.as_bytes()).expect("it pays");
            assert_eq!(unpack(&packed).as_deref(), Ok(value.as_bytes()));
            for length in 0..packed.len().min(300) {
                assert!(unpack(&packed[..length]).is_err(), "length {length}");
            }
        }
    }

    #[test]
    fn a_value_stays_as_it_is_where_packing_does_not_pay() {
        let packer = Packer::default();
        let random: Vec<u8> = (0..1000_u64)
            .map(|number| XxHash3_64::oneshot(&number.to_le_bytes()) as u8)
            .collect();
        for value in [&b""[..], b"short", &random] {
            assert_eq!(packer.pack(value), None);
        }
    }

    #[test]
    fn it_is_tried_less_often_where_it_is_in_vain() {
        let packer = Packer::default();
        let random: Vec<u8> = (0..1000_u64)
            .map(|number| XxHash3_64::oneshot(&number.to_le_bytes()) as u8)
            .collect();
        for _ in 0..PATIENCE + 1 {
            packer.pack(&random);
        }
        let tried = (0..PATIENCE).filter(|_| packer.pack(OBJECT.as_bytes()).is_some());
        assert_eq!(tried.count(), 1, "one in so many, and then all again");
        assert!(packer.pack(OBJECT.as_bytes()).is_some());
        let tried = |values: std::ops::Range<u32>| values.filter(|in_vain| is_tried(*in_vain)).count();
        assert_eq!([tried(0..16), tried(16..1024), tried(1024..2048)], [16, 63, 8]);
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        let mut packed = pack(OBJECT.as_bytes()).expect("it can be packed");
        packed[..PREFIX].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(unpack(&packed).is_err());
    }
}
