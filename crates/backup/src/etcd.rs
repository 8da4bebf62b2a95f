//! Snapshots of etcd, as `etcdctl snapshot save` writes them: a bbolt database with its SHA-256 behind it.
//!
//! The bucket `key` has every revision that etcd still holds; what counts is the newest of each key, unless it is the mark of a
//! deletion. The revisions stay as they are.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bbolt::{ReadError, Reader};
use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use store::{Key, KeyValue, Revision, SnapshotEntry};

use crate::error::BackupError;
use crate::header::{About, CHECKSUM};

/// Databases grow by such blocks; a snapshot is a checksum longer.
const BLOCK: u64 = 512;

/// What the database has in its first page, and where.
const DATABASE_MAGIC: (usize, [u8; 4]) = (16, 0xED0C_DAED_u32.to_le_bytes());

/// A revision as a key of the database: main and sub number, and a separator between them.
const REVISION: usize = 17;

/// What stands behind a revision that deleted its key.
const TOMBSTONE: u8 = b't';

/// Where upstream keeps a cluster, and where pintle does.
pub const PREFIX: &str = "/registry/";

/// What encrypted values begin with.
const ENCRYPTED: &[u8] = b"k8s:enc:";

/// A snapshot of etcd.
#[derive(Debug)]
pub struct EtcdSnapshot {
    name: String,
    reader: Reader,
    /// What the cluster's keys begin with.
    prefix: Vec<u8>,
    about: About,
    /// The newest revision of each key, and whether that deleted it.
    newest: HashMap<Bytes, [u8; REVISION]>,
    leases: HashMap<i64, Duration>,
    /// How many keys there are that are not the cluster's.
    others: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredKeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(int64, tag = "2")]
    create_revision: i64,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(int64, tag = "4")]
    version: i64,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
    #[prost(int64, tag = "6")]
    lease: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLease {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
    #[prost(int64, tag = "3")]
    remaining_ttl: i64,
}

/// Whether bytes of a file's beginning are those of a database of etcd.
pub(crate) fn looks_like_database(beginning: &[u8]) -> bool {
    let (at, magic) = DATABASE_MAGIC;
    beginning.get(at..).is_some_and(|rest| rest.starts_with(&magic))
}

impl EtcdSnapshot {
    /// Opens a file, checks it whole, and finds the newest revision of each key. `prefix` is what the cluster's keys begin with:
    /// the `--etcd-prefix` of its kube-apiserver.
    pub fn open(path: &Path, prefix: &str) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        let failed = BackupError::read(&name, 0);
        let file = File::open(path).map_err(&failed)?;
        let metadata = file.metadata().map_err(&failed)?;
        let bytes = check(&file, metadata.len(), &name)?;
        let reader = Reader::open(file, bytes).map_err(|error| damaged(&name, error))?;
        let created_at = metadata
            .modified()
            .ok()
            .and_then(|time| Timestamp::try_from(time).ok());
        let mut snapshot = Self {
            leases: read_leases(&reader, &name)?,
            reader,
            prefix: format!("{}/", prefix.trim_end_matches('/')).into_bytes(),
            about: About {
                cluster: String::new(),
                created_at: created_at.unwrap_or(Timestamp::UNIX_EPOCH),
                pintle_version: String::from("etcd snapshot"),
                revision: 0,
            },
            newest: HashMap::new(),
            others: 0,
            name,
        };
        snapshot.find_newest()?;
        Ok(snapshot)
    }

    /// What it is of. The cluster is not known: etcd does not have its keys.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many keys there are that are not the cluster's, and are left out.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// How many keys will be given.
    pub fn keys(&self) -> u64 {
        self.newest.len() as u64
    }

    fn find_newest(&mut self) -> Result<(), BackupError> {
        let mut others: HashMap<Bytes, bool> = HashMap::new();
        let mut entries = self.entries()?;
        let (mut newest, mut revision) = (HashMap::new(), 0);
        while let Some(entry) = entries.next().map_err(|error| damaged(&self.name, error))? {
            let found = self.stored(&entry.key, &entry.value)?;
            revision = revision.max(found.main);
            if !found.key_value.key.starts_with(&self.prefix) {
                others.insert(found.key_value.key, found.is_deletion);
            } else if found.is_deletion {
                newest.remove(&found.key_value.key);
            } else {
                newest.insert(found.key_value.key, found.revision);
            }
        }
        self.others = others.values().filter(|deleted| !**deleted).count() as u64;
        self.newest = newest;
        self.about.revision = revision;
        Ok(())
    }

    fn entries(&self) -> Result<bbolt::Entries<'_>, BackupError> {
        let bucket = self
            .reader
            .bucket(b"key")
            .map_err(|error| damaged(&self.name, error))?;
        bucket.ok_or_else(|| {
            foreign(
                &self.name,
                "it is no database of etcd: there is no bucket \"key\"",
            )
        })
    }

    /// Gives each key to `each`, in the order of their revisions.
    pub fn for_each(
        &self,
        mut each: impl FnMut(SnapshotEntry) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let mut entries = self.entries()?;
        while let Some(entry) = entries.next().map_err(|error| damaged(&self.name, error))? {
            let found = self.stored(&entry.key, &entry.value)?;
            if self.newest.get(&found.key_value.key) == Some(&found.revision) {
                each(self.entry(found.key_value)?)?;
            }
        }
        Ok(())
    }

    fn entry(&self, found: StoredKeyValue) -> Result<SnapshotEntry, BackupError> {
        let rest = &found.key[self.prefix.len()..];
        let key = [PREFIX.as_bytes(), rest].concat();
        if found.value.starts_with(ENCRYPTED) {
            let shown = key.escape_ascii().to_string();
            let problem = format!(
                "the value of {shown} is encrypted by the kube-apiserver that wrote it (k8s:enc:); put the provider `identity` first \
                 in its EncryptionConfiguration, write every object anew, and save again"
            );
            return Err(foreign(&self.name, &problem));
        }
        let number = |number: i64| u64::try_from(number).unwrap_or_default();
        let mod_revision = number(found.mod_revision).max(1);
        Ok(SnapshotEntry {
            key_value: KeyValue {
                key: Key::from(key),
                value: found.value,
                create_revision: Revision::new(number(found.create_revision).clamp(1, mod_revision)),
                mod_revision: Revision::new(mod_revision),
                version: number(found.version).max(1),
            },
            time_to_live: self.leases.get(&found.lease).copied(),
        })
    }

    fn stored(&self, key: &[u8], value: &[u8]) -> Result<Stored, BackupError> {
        let wrong = || foreign(&self.name, "a revision in the bucket \"key\" makes no sense");
        let (revision, mark) = key.split_first_chunk::<REVISION>().ok_or_else(wrong)?;
        let is_deletion = match mark {
            [] => false,
            [TOMBSTONE] => true,
            _ => return Err(wrong()),
        };
        let key_value = StoredKeyValue::decode(value).map_err(|_| wrong())?;
        let main = u64::from_be_bytes(revision[..8].try_into().expect("so many bytes"));
        Ok(Stored {
            revision: *revision,
            main,
            is_deletion,
            key_value,
        })
    }
}

/// What the database has for one revision.
struct Stored {
    revision: [u8; REVISION],
    main: u64,
    is_deletion: bool,
    key_value: StoredKeyValue,
}

fn read_leases(reader: &Reader, name: &str) -> Result<HashMap<i64, Duration>, BackupError> {
    let mut leases = HashMap::new();
    let Some(mut entries) = reader.bucket(b"lease").map_err(|error| damaged(name, error))? else {
        return Ok(leases);
    };
    while let Some(entry) = entries.next().map_err(|error| damaged(name, error))? {
        let lease = StoredLease::decode(&entry.value[..])
            .map_err(|_| foreign(name, "a lease in the bucket \"lease\" makes no sense"))?;
        let left = if lease.remaining_ttl > 0 {
            lease.remaining_ttl
        } else {
            lease.ttl
        };
        leases.insert(
            lease.id,
            Duration::from_secs(u64::try_from(left).unwrap_or_default()),
        );
    }
    Ok(leases)
}

/// Compares the file with the checksum behind it; gives how long the database is.
fn check(file: &File, length: u64, name: &str) -> Result<u64, BackupError> {
    let bytes = length.saturating_sub(CHECKSUM as u64);
    if length % BLOCK != CHECKSUM as u64 {
        let problem =
            "it is cut off, or no snapshot: `etcdctl snapshot save` puts a checksum behind the database";
        return Err(foreign(name, problem));
    }
    let failed = BackupError::read(name, 0);
    let mut input = BufReader::with_capacity(1 << 20, file);
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        input.read_exact(&mut buffer[..wanted]).map_err(&failed)?;
        context.update(&buffer[..wanted]);
        left -= wanted as u64;
    }
    let mut checksum = [0; CHECKSUM];
    input.read_exact(&mut checksum).map_err(&failed)?;
    if context.finish().as_ref() != checksum {
        return Err(BackupError::Damaged {
            name: name.to_owned(),
            offset: 0,
            problem: String::from("the checksum at the end of the snapshot does not fit"),
        });
    }
    Ok(bytes)
}

fn foreign(name: &str, problem: &str) -> BackupError {
    BackupError::Foreign {
        name: name.to_owned(),
        problem: problem.to_owned(),
    }
}

fn damaged(name: &str, error: ReadError) -> BackupError {
    match error {
        ReadError::Io(source) => BackupError::Read {
            name: name.to_owned(),
            source,
        },
        error => foreign(name, &error.to_string()),
    }
}
