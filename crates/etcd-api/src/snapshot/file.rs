//! The database file of an etcd that holds what the store holds now, and no history.
//!
//! etcd keeps its keys in the order of their revisions, the store in the order of their names. So entries are first put down in one
//! file as they come, and then copied to another in the order of the revisions; what is held in memory is where each lies.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use bbolt::WriteError;
use futures::StreamExt;
use prost::Message;
use store::{Key, KeyRange, RangeRequest, Revision, Snapshot, SnapshotEntry};
use tokio::runtime::Handle;

use crate::keyspace;
use crate::reading::{Reader, lease_of, message, number};
use crate::refusal::Refusal;

/// A lease as etcd writes it down.
#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseRecord {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
}

/// Leases of keys that the store itself would delete have IDs from here on, and last whole minutes.
const MADE_UP_LEASES: i64 = 0x7069_6e74_6c65_0000;

/// Makes the file. Blocks, and wants to be called within a runtime.
pub(super) fn make(reader: &Reader, snapshot: Snapshot, scratch: &Path) -> Result<File, Refusal> {
    let runtime = Handle::current();
    let leases = runtime.block_on(Leases::read(reader, snapshot.revision))?;
    let revision = snapshot.revision;
    let spool = runtime.block_on(Spool::fill(snapshot, leases, scratch))?;
    spool.into_database(revision, scratch).map_err(failed)
}

fn failed(error: WriteError) -> Refusal {
    match error {
        WriteError::Io(error) => Refusal::Snapshot(error.to_string()),
        error => Refusal::Snapshot(error.to_string()),
    }
}

fn io_failed(error: std::io::Error) -> Refusal {
    Refusal::Snapshot(error.to_string())
}

/// The leases, and what is attached to them: by key, the revision that attached it and the lease.
#[derive(Default)]
struct Leases {
    seconds: BTreeMap<i64, i64>,
    attached: HashMap<Key, (Revision, i64)>,
}

impl Leases {
    async fn read(reader: &Reader, at: Revision) -> Result<Self, Refusal> {
        let mut leases = Self::default();
        if !reader.leases.are_used() {
            return Ok(leases);
        }
        let request = RangeRequest::new(keyspace::leases()).at(at);
        for lease in reader.store.range(request).await?.key_values {
            if let (Some(id), Some(seconds)) = (keyspace::lease_id(&lease.key), lease_of(&lease.value)) {
                leases.seconds.insert(id, seconds);
            }
        }
        let request = RangeRequest::new(keyspace::attachments(&KeyRange::all())).at(at);
        for attachment in reader.store.range(request).await?.key_values {
            if let (Some(key), Some(id)) = (keyspace::attached(&attachment.key), lease_of(&attachment.value))
            {
                let made_by = attachment.mod_revision;
                leases.attached.insert(Key::from(key), (made_by, id));
            }
        }
        Ok(leases)
    }

    fn of(&mut self, entry: &SnapshotEntry) -> i64 {
        let key_value = &entry.key_value;
        if let Some((made_by, id)) = self.attached.get(&key_value.key)
            && *made_by == key_value.mod_revision
        {
            return *id;
        }
        entry.time_to_live.map_or(0, |left| self.made_up(left))
    }

    /// The lease for a key that has so long to live.
    fn made_up(&mut self, left: Duration) -> i64 {
        let minutes = i64::try_from(left.as_secs() / 60 + 1).unwrap_or(i64::MAX / 60);
        let id = MADE_UP_LEASES.saturating_add(minutes);
        self.seconds.insert(id, minutes.saturating_mul(60));
        id
    }
}

/// Entries as they came.
struct Spool {
    file: File,
    places: Vec<Place>,
    leases: Leases,
}

struct Place {
    revision: u64,
    offset: u64,
    bytes: u32,
}

impl Spool {
    async fn fill(mut snapshot: Snapshot, mut leases: Leases, scratch: &Path) -> Result<Self, Refusal> {
        let mut file = BufWriter::new(tempfile::tempfile_in(scratch).map_err(io_failed)?);
        let (mut places, mut offset) = (Vec::new(), 0);
        while let Some(entry) = snapshot.entries.next().await {
            let entry = entry?;
            if keyspace::is_own(&entry.key_value.key) {
                continue;
            }
            let lease = leases.of(&entry);
            let revision = entry.key_value.mod_revision.get();
            let item = message(entry.key_value, lease).encode_to_vec();
            file.write_all(&item).map_err(io_failed)?;
            places.push(Place {
                revision,
                offset,
                bytes: u32::try_from(item.len()).unwrap_or(u32::MAX),
            });
            offset += item.len() as u64;
        }
        let file = file.into_inner().map_err(|error| io_failed(error.into_error()))?;
        // Keys of one revision stay in their order.
        places.sort_by_key(|place| place.revision);
        Ok(Self { file, places, leases })
    }

    /// Copies the entries, and writes the rest that etcd wants to find.
    fn into_database(self, revision: Revision, scratch: &Path) -> Result<File, WriteError> {
        let mut spool = BufReader::new(self.file);
        let file = BufWriter::new(tempfile::tempfile_in(scratch)?);
        let mut database = bbolt::Writer::new(file)?;
        for empty in ["alarm", "auth", "authRoles", "authUsers", "cluster"] {
            database.bucket(empty.as_bytes())?;
        }
        database.bucket(b"key")?;
        let (mut last, mut sub, mut item) = (0, 0u64, Vec::new());
        for place in &self.places {
            sub = if place.revision == last { sub + 1 } else { 0 };
            last = place.revision;
            item.resize(place.bytes as usize, 0);
            spool.seek(SeekFrom::Start(place.offset))?;
            spool.read_exact(&mut item)?;
            database.put(&revision_key(place.revision, sub), &item)?;
        }
        database.bucket(b"lease")?;
        let mut leases: Vec<_> = self.leases.seconds.into_iter().collect();
        // The order of their bytes.
        leases.sort_by_key(|(id, _)| id.cast_unsigned());
        for (id, ttl) in leases {
            let record = LeaseRecord { id, ttl };
            database.put(&id.to_be_bytes(), &record.encode_to_vec())?;
        }
        database.bucket(b"members")?;
        database.bucket(b"members_removed")?;
        database.bucket(b"meta")?;
        // The history before is given up: so the counter goes on from here even if the newest change was a deletion.
        let compacted = revision_key(number(revision).cast_unsigned(), 0);
        database.put(b"consistent_index", &1u64.to_be_bytes())?;
        database.put(b"finishedCompactRev", &compacted)?;
        database.put(b"scheduledCompactRev", &compacted)?;
        database.put(b"term", &crate::etcd_api::TERM.to_be_bytes())?;
        let file = database.finish()?.into_inner();
        Ok(file.map_err(|error| error.into_error())?)
    }
}

/// A revision as etcd's key: its number, and that of the change within it.
fn revision_key(main: u64, sub: u64) -> [u8; 17] {
    let mut key = [b'_'; 17];
    key[..8].copy_from_slice(&main.to_be_bytes());
    key[9..].copy_from_slice(&sub.to_be_bytes());
    key
}
