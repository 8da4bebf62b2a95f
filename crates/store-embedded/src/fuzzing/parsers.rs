//! Each structure by itself.

use std::sync::Arc;

use crate::disk::{Disk, Folder};
use crate::format::checkpoint::{self, BlockBuilder, CheckpointHeader, Position, block_length, read_block};
use crate::format::checksum::Seal;
use crate::format::end;
use crate::format::frame::{self, FRAME_HEADER, Frame};
use crate::format::identity::Identity;
use crate::format::packing::Packer;
use crate::format::record::{Record, RecordKind};
use crate::format::segment::SegmentHeader;
use crate::simulation::SimulatedDisk;
use crate::version::{Location, Version};

const IDENTITY: Identity = Identity { store: [5; 16] };

fn seal() -> Seal {
    Seal::new(IDENTITY.store, 1, 1)
}

/// Reads bytes as every structure there is. The first byte says as which.
pub fn parse(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let mut sealed = bytes.to_vec();
    if sealed.len() >= 8 {
        seal().close(&mut sealed);
    }
    match kind % 7 {
        0 => frames(bytes),
        1 => frame_of(bytes),
        2 => record(&sealed),
        3 => {
            if let Some(header) = SegmentHeader::decode(&sealed, seal()) {
                let mut again = Vec::new();
                header.encode(seal(), &mut again);
                assert_eq!(SegmentHeader::decode(&again, seal()), Some(header));
            }
        }
        4 => {
            if let Ok(header) = CheckpointHeader::decode(&sealed, seal()) {
                assert_eq!(
                    CheckpointHeader::decode(&header.encode(seal()), seal()),
                    Ok(header)
                );
            }
        }
        5 => block(&sealed),
        _ => small_files(bytes),
    }
}

fn frames(bytes: &[u8]) {
    let mut offset = 0;
    while let Some(frame) = Frame::at(bytes, offset, seal()) {
        assert!(frame.end() > offset);
        offset = frame.end();
    }
    if let Some(found) = frame::find(bytes, offset, seal()) {
        assert!(found >= offset && Frame::at(bytes, found, seal()).is_some());
    }
}

/// Any bytes as the records of a frame.
fn frame_of(records: &[u8]) {
    let mut bytes = Vec::new();
    frame::begin(&mut bytes);
    bytes.extend_from_slice(records);
    frame::finish(&mut bytes, 0, 3, 9, seal());
    let frame = Frame::at(&bytes, 0, seal()).expect("it was made just now");
    assert_eq!(frame.end(), bytes.len());
    let mut place = FRAME_HEADER;
    for record in frame.records() {
        let Ok((record, offset, length)) = record else {
            return;
        };
        assert_eq!(offset as usize, place);
        assert_eq!(
            length as usize,
            Record::length(record.key.len(), record.value.len())
        );
        place += length as usize;
    }
    assert_eq!(place, FRAME_HEADER + records.len());
}

fn record(bytes: &[u8]) {
    if let Ok(record) = Record::decode(bytes, seal()) {
        let mut again = Vec::new();
        record.encode(seal(), &mut again);
        assert_eq!(Record::decode(&again, seal()), Ok(record));
        // Whatever it says of its length, it is no longer than a transaction may be.
        if let Ok(Some(value)) = record.unpacked() {
            assert!(value.len() <= 16 << 20);
        }
    }
}

fn block(bytes: &[u8]) {
    // The length of a block is looked at before the block is there.
    let _ = block_length(bytes);
    let _ = read_block(bytes, seal(), |key, versions| {
        assert!(key.len() <= 2 * usize::from(u16::MAX));
        assert!(versions.len() <= bytes.len());
        Ok(())
    });
}

fn small_files(bytes: &[u8]) {
    let disk = SimulatedDisk::new();
    for name in ["END", "FORMAT"] {
        let file = disk.create(name).expect("it can be made");
        file.write_at(bytes, 0).expect("it can be written");
    }
    let names = vec!["END".to_owned(), "FORMAT".to_owned()];
    let folder = Folder::new(Arc::new(disk));
    let _ = end::read(&folder, IDENTITY, &names);
    let _ = Identity::read(&folder, &names);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let put = Record {
        kind: RecordKind::Put,
        revision: 9,
        create_revision: 4,
        version: 3,
        expires_ms: 77,
        key: b"/registry/pods/default/a",
        value: b"{}",
    };
    let mut records = Vec::new();
    put.encode(seal(), &mut records);
    let one = records.clone();
    Record::delete(b"k", 10).encode(seal(), &mut records);
    Record::compact(4).encode(seal(), &mut records);
    let mut frames = Vec::new();
    frame::begin(&mut frames);
    frames.extend_from_slice(&records);
    frame::finish(&mut frames, 0, 1, 9, seal());
    let header = SegmentHeader {
        first_sequence: 1,
        previous: 0,
        previous_end: 0,
    };
    let mut segment = Vec::new();
    header.encode(seal(), &mut segment);
    let checkpoint = CheckpointHeader {
        revision: 9,
        compacted: 2,
        position: Position::default(),
    };
    let with = |kind: u8, bytes: &[u8]| [&[kind][..], bytes].concat();
    vec![
        with(0, &frames),
        with(1, &records),
        with(2, &one),
        with(2, &packed()),
        with(3, &segment),
        with(4, &checkpoint.encode(seal())),
        with(5, &block_of_two()),
        with(
            6,
            b"pintle state store, format 1\nstore 05050505-0505-0505-0505-050505050505\n",
        ),
    ]
}

/// A record whose value was packed.
fn packed() -> Vec<u8> {
    let value =
        Packer::default().pack(&b"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{}}".repeat(8));
    let record = Record {
        kind: RecordKind::PackedPut,
        revision: 9,
        create_revision: 4,
        version: 3,
        expires_ms: 0,
        key: b"k",
        value: value.as_deref().unwrap_or_default(),
    };
    let mut bytes = Vec::new();
    record.encode(seal(), &mut bytes);
    bytes
}

fn block_of_two() -> Vec<u8> {
    let version = Version {
        revision: 7,
        create_revision: 3,
        version: 2,
        expires_ms: 0,
        location: Location {
            segment: 1,
            offset: 104,
            length: 60,
        },
    };
    let mut blocks = BlockBuilder::new(checkpoint::seal(IDENTITY, 1));
    blocks.push(b"/registry/pods/default/a", &[version]);
    blocks.push(b"/registry/pods/default/b", &[Version::deletion(8)]);
    blocks.finish_block().unwrap_or_default()
}
