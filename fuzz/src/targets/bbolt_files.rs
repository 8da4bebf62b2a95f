//! Files of bbolt, as etcd's snapshots are.

use std::io::{Cursor, Write};

use bbolt::format::{META_BYTES, PAGE_HEADER_BYTES, checksum};
use bbolt::{Reader, Writer};

use super::Target;

/// A whole file, whose meta pages get the checksum they need.
pub const FILES: Target = Target {
    name: "bbolt-files",
    run,
    seeds,
};

const PAGE: usize = 4096;

fn run(data: &[u8]) {
    let mut bytes = data.to_vec();
    for start in [PAGE_HEADER_BYTES, PAGE + PAGE_HEADER_BYTES] {
        if let Some(meta) = bytes.get_mut(start..start + META_BYTES) {
            let sum = checksum(&meta[..META_BYTES - 8]);
            meta[META_BYTES - 8..].copy_from_slice(&sum.to_le_bytes());
        }
    }
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(&bytes).expect("it can be written");
    let Ok(reader) = Reader::open(file, bytes.len() as u64) else {
        return;
    };
    for bucket in [&b"key"[..], b"meta"] {
        let Ok(Some(mut entries)) = reader.bucket(bucket) else {
            continue;
        };
        while let Ok(Some(entry)) = entries.next() {
            assert!(entry.key.len() + entry.value.len() <= 2 * bytes.len());
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let file = |entries: u32| {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory can be written to");
        writer.bucket(b"key").expect("memory can be written to");
        for number in 0..entries {
            let value = vec![number as u8; (number as usize * 31) % 200];
            writer
                .put(&number.to_be_bytes(), &value)
                .expect("memory can be written to");
        }
        writer.bucket(b"meta").expect("memory can be written to");
        writer
            .put(b"consistent_index", &[0; 8])
            .expect("memory can be written to");
        writer.finish().expect("memory can be written to").into_inner()
    };
    vec![file(0), file(3), file(60)]
}
