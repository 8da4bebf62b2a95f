//! A store that was closed in order and damaged afterwards: it is found damaged, or nothing of it is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use store::{Key, KeyRange, RangeRequest, StoreError, Transaction};

use crate::disk::Disk;
use crate::engine::Engine;
use crate::format::fields::Fields;
use crate::options::Options;
use crate::simulation::SimulatedDisk;
use crate::verification::verify_disk;

type Contents = BTreeMap<Key, Bytes>;

fn options() -> Options {
    Options {
        history: Duration::from_secs(3600),
        segment_bytes: 4096,
        checkpoint_bytes: 3000,
        recent_value_bytes: 10,
        ..Options::default()
    }
}

/// Several segments, a checkpoint, and an end.
fn sound() -> &'static (SimulatedDisk, Contents) {
    static SOUND: OnceLock<(SimulatedDisk, Contents)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimulatedDisk::new();
        let (engine, mut housekeeping) =
            Engine::open(Arc::new(disk.clone()), options()).expect("an empty disk");
        let mut contents = Contents::new();
        for number in 0..40_u64 {
            let key = Key::from(format!("k{:02}", number % 13));
            let mut value = format!("value {number} ").into_bytes();
            value.resize(40 + (number as usize * 37) % 300, b'x');
            let value = Bytes::from(value);
            contents.insert(key.clone(), value.clone());
            let outcomes = engine.commit(vec![Transaction::new().put(key, value)], 1000);
            assert!(outcomes.iter().all(Result::is_ok), "the disk takes it");
            housekeeping.run(&engine, 1000).expect("the disk takes it");
        }
        engine.close().expect("the disk takes it");
        (disk, contents)
    })
}

/// Damages a store as the bytes say, and opens it.
pub fn open_damaged(data: &[u8]) {
    let (sound, contents) = sound();
    let disk = sound.copy();
    let end_is_touched = damage(&disk, data);
    // Looking at it finds the same, or more, and changes nothing.
    let before = disk.operations();
    let report = verify_disk(Arc::new(disk.copy())).expect("it can be read");
    assert_eq!(disk.operations(), before, "looking changes nothing");
    let engine = match Engine::open(Arc::new(disk), options()) {
        Ok((engine, _)) => engine,
        Err(error @ (StoreError::Corrupt { .. } | StoreError::UnknownFormat { .. })) => {
            assert!(
                !report.problems.is_empty(),
                "found sound, and does not open: {error}"
            );
            return;
        }
        Err(error) => panic!("{error}"),
    };
    for (key, value) in contents {
        let found = engine.range(&RangeRequest::new(KeyRange::single(key.clone())));
        match found.map(|found| found.key_values.into_iter().next()) {
            Ok(Some(found)) if found.value == *value => {}
            // Without its end, a log may lose what was written last, and nobody can tell.
            Ok(_) if end_is_touched => {}
            Err(StoreError::Corrupt { .. }) => assert!(!report.problems.is_empty(), "{key} is damaged"),
            found => panic!("{key}: {found:?}"),
        }
    }
}

/// Does what the bytes say to the files; gives whether `END` is among them.
fn damage(disk: &SimulatedDisk, data: &[u8]) -> bool {
    let names = disk.list().expect("it lists");
    let mut fields = Fields::new(data);
    let mut end_is_touched = false;
    let mut step = || {
        let (file, kind) = (fields.u8()?, fields.u8()?);
        let (offset, length) = (usize::from(fields.u16()?), usize::from(fields.u8()?));
        let name = &names[usize::from(file) % names.len()];
        end_is_touched |= name == "END";
        let file = disk.open(name).ok()?;
        let size = usize::try_from(file.size().ok()?).ok()?;
        let offset = offset % size.max(1);
        let mut bytes = vec![0; length.min(size - offset.min(size))];
        match kind % 5 {
            0 => disk.damage(name, offset),
            1 => {
                file.write_at(&bytes, offset as u64).ok()?;
            }
            2 => file.truncate(offset as u64).ok()?,
            3 => disk.lose(name),
            _ => {
                // Something that was written once, elsewhere in the file.
                let from = usize::from(fields.u16()?) % size.max(1);
                let read = file.read_at(&mut bytes, from as u64).ok()?;
                file.write_at(&bytes[..read.min(size - offset)], offset as u64)
                    .ok()?;
            }
        }
        Some(())
    };
    while step().is_some() {}
    end_is_touched
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![]];
    for file in 0..8 {
        for kind in 0..5 {
            seeds.push(vec![file, kind, 100, 0, 20, 64, 0]);
        }
    }
    seeds
}
