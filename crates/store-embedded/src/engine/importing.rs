//! Keys that bring their revisions with them, for a store that has none yet.
//!
//! Until the import is finished the store stands at revision zero, so nothing of it can be read.

use store::{SnapshotEntry, StoreError};

use super::Engine;
use crate::format::record::{MAX_KEY, RECORD_HEADER, Record, RecordKind};
use crate::version::Version;

impl Engine {
    /// Writes keys that the store does not have. If that fails, the store is of no use any more.
    pub(crate) fn import(&self, entries: &[SnapshotEntry], now_ms: u64) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        if entries.iter().any(|entry| entry.key_value.key.len() > MAX_KEY) {
            return Err(StoreError::Invalid("a key must not be longer than 65535 bytes"));
        }
        let packer = self.options.pack_values.then_some(&self.packer);
        let packed = entries
            .iter()
            .map(|entry| packer.and_then(|packer| packer.pack(&entry.key_value.value)));
        let packed: Vec<Option<Vec<u8>>> = packed.collect();
        let bytes = entries
            .iter()
            .map(|entry| Record::length(entry.key_value.key.len(), entry.key_value.value.len()));
        self.append_records(bytes.sum(), |slot| {
            let mut state = self.state.write();
            let mut twice = false;
            for (entry, packed) in entries.iter().zip(&packed) {
                let key_value = &entry.key_value;
                let (kind, value) = match packed {
                    Some(packed) => (RecordKind::PackedPut, &packed[..]),
                    None => (RecordKind::Put, &key_value.value[..]),
                };
                let record = Record {
                    kind,
                    revision: key_value.mod_revision.get(),
                    create_revision: key_value.create_revision.get(),
                    version: key_value.version,
                    expires_ms: entry.time_to_live.map_or(0, |left| {
                        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                        now_ms.saturating_add(left_ms).saturating_add(1)
                    }),
                    key: &key_value.key,
                    value,
                };
                let location = slot.push(&record);
                state.segments.hold(location);
                state.index.insert(key_value.key.clone(), |found| {
                    twice |= found.is_some();
                    Version {
                        revision: record.revision,
                        create_revision: record.create_revision,
                        version: record.version,
                        expires_ms: record.expires_ms,
                        location,
                    }
                });
            }
            match twice {
                true => Err(StoreError::Invalid("a key is imported twice")),
                false => Ok(()),
            }
        })?
    }

    /// Ends an import: the store stands at `revision`, which is also the oldest that can be read.
    pub(crate) fn finish_import(&self, revision: u64) -> Result<(), StoreError> {
        let mut log = self.log.lock();
        self.ensure_room(&mut log, RECORD_HEADER)?;
        log.begin().push(&Record::compact(revision));
        self.append(&mut log, revision)?;
        self.pins.set_compacted(revision);
        self.history.publish(Vec::new(), revision);
        Ok(())
    }
}
