//! A whole store whose checksums fit and whose contents are anything.

use std::sync::Arc;
use std::time::Duration;

use store::{Key, KeyRange, RangeRequest, Revision, Transaction};

use super::super::engine::Engine;
use crate::disk::Disk;
use crate::format::checkpoint::{self, CheckpointHeader, Position};
use crate::format::fields::Fields;
use crate::format::frame;
use crate::format::identity::Identity;
use crate::format::record::{Record, RecordKind};
use crate::format::segment::{self, SegmentHeader};
use crate::options::Options;
use crate::simulation::SimulatedDisk;

const IDENTITY: Identity = Identity { store: [5; 16] };
const FORMAT: &[u8] = b"pintle state store, format 1\nstore 05050505-0505-0505-0505-050505050505\n";
const KEYS: [&[u8]; 5] = [b"a", b"b", b"c", b"", b"a/long/key/with/parts"];

/// Opens a store that was made of the bytes, and uses it. It may be refused; it may not panic, nor serve what has another
/// checksum.
pub fn open_sealed(data: &[u8]) {
    let disk = SimulatedDisk::new();
    write(&disk, "FORMAT", FORMAT);
    build(&disk, data);
    let options = Options {
        history: Duration::from_millis(50),
        segment_bytes: 4096,
        checkpoint_bytes: 1000,
        recent_value_bytes: 100,
        ..Options::default()
    };
    let Ok((engine, mut housekeeping)) = Engine::open(Arc::new(disk.clone()), options.clone()) else {
        return;
    };
    look(&engine);
    let put = Transaction::new().put(Key::from("a"), bytes::Bytes::from_static(b"new"));
    for now_ms in [1000, 2000] {
        let _ = engine.expire(now_ms);
        let _ = engine.commit(vec![put.clone()], now_ms);
        let _ = housekeeping.run(&engine, now_ms);
        look(&engine);
    }
    drop(engine);
    if let Ok((engine, _)) = Engine::open(Arc::new(disk), options) {
        look(&engine);
    }
}

fn look(engine: &Engine) {
    let window = engine.window();
    for revision in [window.compacted, window.current] {
        let _ = engine.range(&RangeRequest::new(KeyRange::all()).at(revision));
    }
    for key in KEYS {
        let _ = engine.range(&RangeRequest::new(KeyRange::single(Key::from(key))));
    }
    let _ = engine.history.read(0, 1000, |_| true);
    let _ = engine.statistics();
    let _ = engine.range(&RangeRequest::new(KeyRange::all()).at(Revision::new(3)));
}

fn write(disk: &SimulatedDisk, name: &str, bytes: &[u8]) {
    let file = disk.create(name).expect("it can be made");
    file.write_at(bytes, 0).expect("it can be written");
}

/// Makes segments, and a checkpoint if there are bytes for one: the first byte says how many of the rest are its.
fn build(disk: &SimulatedDisk, data: &[u8]) {
    let Some((&checkpoint_bytes, rest)) = data.split_first() else {
        return;
    };
    let (checkpoint, mut script) = rest.split_at(usize::from(checkpoint_bytes).min(rest.len()));
    if let Some(bytes) = build_checkpoint(checkpoint) {
        write(disk, &checkpoint::file_name(1), &bytes);
    }
    let mut sequence = 1;
    let (mut previous, mut previous_end) = (0, 0);
    for number in 1..=3 {
        let (own, later) = match script.iter().position(|&byte| byte == 0xff) {
            Some(place) => (&script[..place], &script[place + 1..]),
            None => (script, &[][..]),
        };
        if own.is_empty() {
            return;
        }
        let seal = segment::seal(IDENTITY, number);
        let header = SegmentHeader {
            first_sequence: sequence,
            previous,
            previous_end,
        };
        let mut bytes = Vec::new();
        header.encode(seal, &mut bytes);
        build_frames(own, seal, &mut sequence, &mut bytes);
        write(disk, &segment::file_name(number), &bytes);
        (previous, previous_end) = (number, bytes.len() as u64);
        script = later;
    }
}

/// Frames of records: seven bytes make a record, and the first of them may end the frame.
fn build_frames(script: &[u8], seal: crate::format::checksum::Seal, sequence: &mut u64, out: &mut Vec<u8>) {
    let mut start = out.len();
    frame::begin(out);
    let mut revision = 0;
    for chunk in script.chunks(7) {
        let byte = |place: usize| chunk.get(place).copied().unwrap_or_default();
        let kinds = [
            RecordKind::Put,
            RecordKind::Delete,
            RecordKind::Compact,
            RecordKind::Moved,
            RecordKind::PackedPut,
            RecordKind::PackedMoved,
        ];
        revision = u64::from(byte(1));
        let record = Record {
            kind: kinds[usize::from(byte(0) & 0x7f) % kinds.len()],
            revision,
            create_revision: u64::from(byte(2)),
            version: u64::from(byte(3)),
            expires_ms: u64::from(byte(4)) * 20,
            key: KEYS[usize::from(byte(5)) % KEYS.len()],
            value: &[7; 256][..usize::from(byte(6))],
        };
        record.encode(seal, out);
        if byte(0) & 0x80 != 0 {
            frame::finish(out, start, *sequence, revision, seal);
            *sequence += 1;
            start = out.len();
            frame::begin(out);
        }
    }
    frame::finish(out, start, *sequence, revision, seal);
    *sequence += 1;
}

/// A checkpoint whose header and one block are these bytes, with checksums that fit.
fn build_checkpoint(data: &[u8]) -> Option<Vec<u8>> {
    let seal = checkpoint::seal(IDENTITY, 1);
    let mut fields = Fields::new(data);
    let header = CheckpointHeader {
        revision: fields.u8()?.into(),
        compacted: fields.u8()?.into(),
        position: Position {
            segment: fields.u8()?.into(),
            offset: fields.u16()?.into(),
            sequence: fields.u8()?.into(),
        },
    };
    let mut bytes = header.encode(seal);
    let entries = &data[6..];
    let count = u32::from(fields.u8().unwrap_or_default());
    let mut blocks = vec![(count, entries.get(1..).unwrap_or_default().to_vec())];
    blocks.push((0, u64::from(count).to_le_bytes().to_vec()));
    for (count, body) in blocks {
        let mut block = vec![0; 8];
        block.extend_from_slice(&(body.len() as u32).to_le_bytes());
        block.extend_from_slice(&count.to_le_bytes());
        block.extend_from_slice(&body);
        seal.close(&mut block);
        bytes.extend_from_slice(&block);
    }
    Some(bytes)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let put = |revision: u8, key: u8| [0x80, revision, 1, 1, 0, key, 20];
    let delete = |revision: u8, key: u8| [0x81, revision, 0, 0, 0, key, 0];
    let compact = |revision: u8| [0x82, revision, 0, 0, 0, 3, 0];
    let moved = |revision: u8, key: u8| [0x83, revision, 1, 1, 0, key, 20];
    let log = [
        &[0][..],
        &put(1, 0),
        &put(2, 1),
        &delete(3, 0),
        &compact(2),
        &put(4, 2),
    ]
    .concat();
    let two = [
        &[0][..],
        &put(1, 0),
        &put(2, 1),
        &[0xff],
        &moved(1, 0),
        &put(3, 0),
    ]
    .concat();
    let dying = [&[0][..], &[0x80, 1, 1, 1, 3, 0, 20], &put(2, 1)].concat();
    vec![log, two, dying, with_checkpoint()]
}

/// One key in a checkpoint, and a log that goes on behind it.
fn with_checkpoint() -> Vec<u8> {
    let mut entry = Vec::new();
    entry.extend_from_slice(&0_u16.to_le_bytes());
    entry.extend_from_slice(&1_u16.to_le_bytes());
    entry.extend_from_slice(&1_u32.to_le_bytes());
    entry.push(b'a');
    for number in [1_u64, 1, 1, 0] {
        entry.extend_from_slice(&number.to_le_bytes());
    }
    for number in [1_u32, 104, 69] {
        entry.extend_from_slice(&number.to_le_bytes());
    }
    let mut checkpoint = vec![1, 0, 1, 176, 0, 2, 1];
    checkpoint.extend(entry);
    let mut seed = vec![checkpoint.len() as u8];
    seed.extend(checkpoint);
    seed.extend([0x80, 1, 1, 1, 0, 0, 20, 0x80, 2, 2, 1, 0, 1, 20]);
    seed
}
