//! Entrances for fuzzers: whatever lies in a file, it is read or refused, and nothing is ever written beside what is restored.
//!
//! Checksums would keep a fuzzer out of nearly everything, so there are two: a backup that was damaged, and nonsense that was given
//! the checksums it needs.

use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use store::{KeyValue, SnapshotEntry};

use crate::chunk::{CHUNK, Chunks};
use crate::encryption::{Encryption, Passphrase};
use crate::error::BackupError;
use crate::header::{About, FORMAT, Framed, Header, MAGIC, checksum_of};
use crate::reader::Reader;
use crate::record::{FileRole, Record, SavedFile, Totals};
use crate::restore::FolderRestore;
use crate::writer::Writer;

const PASSPHRASE: &str = "right";

/// Bytes of one change of a damaged file: what, where (two), and with what.
const CHANGE: usize = 4;

/// A backup, and what is in it.
struct Whole {
    bytes: Vec<u8>,
    records: Vec<Record>,
    is_encrypted: bool,
}

/// Damages a backup as the bytes say, and reads it. It comes back as it was written or not at all.
pub fn read_damaged(data: &[u8]) {
    let Some((&which, changes)) = data.split_first() else {
        return;
    };
    let all = wholes();
    let whole = &all[usize::from(which) % all.len()];
    let mut bytes = whole.bytes.clone();
    for change in changes.chunks_exact(CHANGE).take(64) {
        damage(&mut bytes, change);
    }
    for passphrase in [None, Some("wrong"), Some(PASSPHRASE)] {
        if let Ok(records) = read(&bytes, passphrase) {
            assert!(records == whole.records, "what was read is not what was written");
            let opens = !whole.is_encrypted || passphrase == Some(PASSPHRASE);
            assert!(opens, "an encrypted backup opens with {passphrase:?}");
        }
    }
}

fn damage(bytes: &mut Vec<u8>, change: &[u8]) {
    let [what, low, high, with] = *change else { return };
    let place = usize::from(u16::from_le_bytes([low, high]));
    if bytes.is_empty() {
        return;
    }
    let place = place % bytes.len();
    match what % 5 {
        0 => bytes[place] ^= with,
        1 => bytes.truncate(place),
        2 => drop(bytes.drain(place..bytes.len().min(place + usize::from(with)))),
        3 => bytes.insert(place, with),
        _ => {
            let again: Vec<u8> = bytes[place..].iter().take(usize::from(with)).copied().collect();
            bytes.extend(again);
        }
    }
}

fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<Vec<Record>, BackupError> {
    let passphrase = passphrase.map(Passphrase::new).transpose()?;
    let mut reader = Reader::new(Cursor::new(bytes), "b", passphrase.as_ref())?;
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(record);
    }
    Ok(records)
}

fn wholes() -> &'static [Whole] {
    static WHOLES: OnceLock<Vec<Whole>> = OnceLock::new();
    WHOLES.get_or_init(|| {
        let kinds = [
            (0, 0, false),
            (3, 50, false),
            (3, 50, true),
            (30, 20_000, false),
            (30, 20_000, true),
        ];
        kinds
            .into_iter()
            .map(|(keys, size, is_encrypted)| whole(keys, size, is_encrypted))
            .collect()
    })
}

fn whole(keys: u64, size: usize, is_encrypted: bool) -> Whole {
    let records = records(keys, size);
    let passphrase = Passphrase::new(PASSPHRASE).expect("it is not empty");
    // A guess costs nothing here.
    let encryption = is_encrypted.then(|| Encryption::with_iterations(1).expect("there is randomness"));
    let encryption = encryption.map(|encryption| (encryption, &passphrase));
    let mut writer = Writer::encrypted(Vec::new(), "b", about(), encryption).expect("memory is written to");
    for record in &records {
        writer.push(record).expect("memory is written to");
    }
    Whole {
        bytes: writer.finish().expect("memory is written to").0,
        records,
        is_encrypted,
    }
}

fn about() -> About {
    About {
        cluster: String::from("c0ffee"),
        created_at: Timestamp::UNIX_EPOCH,
        pintle_version: String::from("0.1.0"),
        revision: 4000,
    }
}

fn records(keys: u64, size: usize) -> Vec<Record> {
    let file = SavedFile {
        role: FileRole::Pki,
        path: String::from("pki/ca.key"),
        mode: 0o600,
        content: "secret".into(),
    };
    let entry = |number: u64| SnapshotEntry {
        key_value: KeyValue {
            key: format!("/registry/pods/default/{number:06}").into(),
            value: (0..size)
                .map(|at| (at * at * 31) as u8)
                .collect::<Vec<_>>()
                .into(),
            create_revision: number.into(),
            mod_revision: (number * 2).into(),
            version: 2,
        },
        time_to_live: number.is_multiple_of(2).then(|| Duration::from_millis(number)),
    };
    let entries = (1..=keys).map(entry).map(Record::Entry);
    std::iter::once(Record::File(file)).chain(entries).collect()
}

/// Takes the bytes for a header and records, gives them the checksums they need, and restores a data directory from that.
pub fn restore_sealed(data: &[u8]) {
    let Some(bytes) = sealed(data) else { return };
    let _ = read(&bytes, Some(PASSPHRASE));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data_dir = folder.path().join("data");
    let is_restored = restore(&bytes, &data_dir).is_ok();
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("it is there")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    let expected: &[&str] = if is_restored { &["data"] } else { &[] };
    assert_eq!(left, expected, "beside the data directory");
    if is_restored {
        let report = store_embedded::verify(&data_dir.join("store")).expect("readable");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
}

fn restore(bytes: &[u8], data_dir: &Path) -> Result<(), BackupError> {
    let mut reader = Reader::new(Cursor::new(bytes), "b", None)?;
    let mut restore = FolderRestore::begin(data_dir, true)?;
    while let Some(record) = reader.next()? {
        restore.push(record)?;
    }
    let revision = reader.header().about.revision;
    restore.finish(revision).map(drop)
}

/// The first byte says how: with a header that follows (its length in two bytes) or a usual one; in chunks of how many bytes; with
/// the end that the records need or without.
fn sealed(data: &[u8]) -> Option<Vec<u8>> {
    let (&how, mut rest) = data.split_first()?;
    let usual = serde_json::to_vec(&Header {
        about: about(),
        encryption: None,
    });
    let mut header = usual.ok()?;
    if how & 1 != 0 {
        let (length, behind) = rest.split_at_checked(2)?;
        let length = usize::from(u16::from_le_bytes(length.try_into().ok()?));
        let (given, behind) = behind.split_at(length.min(behind.len()));
        (header, rest) = (given.to_vec(), behind);
    }
    let mut content = rest.to_vec();
    if how & 2 != 0 {
        totals_of(rest).encode(&mut content);
    }
    let size = [CHUNK, 1, 7, 100][usize::from(how >> 2) % 4];

    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&u32::try_from(header.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&header);
    let checksum = checksum_of(&out);
    out.extend_from_slice(&checksum);
    let framed = Framed {
        header: Header {
            about: about(),
            encryption: None,
        },
        checksum,
        length: out.len() as u64,
    };
    let mut chunks = Chunks::behind(&framed, None);
    let mut pieces = content.chunks(size).peekable();
    while let Some(piece) = pieces.next() {
        chunks.write(piece, pieces.peek().is_none(), &mut out, "b").ok()?;
    }
    Some(out)
}

/// What the records that can be read add up to.
fn totals_of(content: &[u8]) -> Totals {
    use crate::record::{FRAME, Parsed, length, parse};
    let (mut totals, mut rest) = (Totals::default(), content);
    while let Some((frame, behind)) = rest.split_first_chunk::<FRAME>() {
        let Some((body, behind)) = length(*frame).and_then(|length| behind.split_at_checked(length)) else {
            break;
        };
        let Some(Parsed::Record(record)) = parse(frame[0], body.to_vec().into()) else {
            break;
        };
        totals.add(&record);
        rest = behind;
    }
    totals
}

/// Inputs to begin with: the name of an entrance, and what it takes.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for which in 0..wholes().len() as u8 {
        for change in [
            &[][..],
            &[0, 20, 0, 1],
            &[1, 200, 1, 0],
            &[4, 90, 0, 60],
            &[2, 0, 1, 9],
        ] {
            seeds.push(("backup-damaged", [&[which], change].concat()));
        }
    }
    let mut content = Vec::new();
    for record in records(3, 40) {
        record.encode(&mut content).expect("it is small");
    }
    let header = serde_json::to_vec(&Header {
        about: about(),
        encryption: None,
    });
    let header = header.expect("it can be written");
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes();
    for how in [2, 6, 10, 14, 0] {
        seeds.push(("backup-sealed", [&[how][..], &content].concat()));
    }
    seeds.push(("backup-sealed", [&[3][..], &length, &header, &content].concat()));
    seeds
}

#[cfg(test)]
mod tests {
    use store::dice::Dice;

    use super::*;

    #[test]
    fn seeds_and_their_neighbours_do_no_harm() {
        let mut dice = Dice::new(1);
        for (name, seed) in seeds() {
            let enter = match name {
                "backup-damaged" => read_damaged,
                _ => restore_sealed,
            };
            enter(&seed);
            for _ in 0..15 {
                enter(&dice.tampered(&seed));
            }
        }
    }

    #[test]
    fn a_sealed_seed_is_restored() {
        let (_, seed) = seeds()
            .into_iter()
            .find(|(name, _)| *name == "backup-sealed")
            .expect("one");
        let folder = tempfile::tempdir().expect("folder");
        let bytes = sealed(&seed).expect("sealed");
        restore(&bytes, &folder.path().join("data")).expect("restored");
    }
}
