//! Whatever a cluster can be restored from: a backup of pintle, or a snapshot of etcd.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::encryption::Passphrase;
use crate::error::BackupError;
use crate::etcd::{EtcdSnapshot, looks_like_database};
use crate::header::About;
use crate::reader::{Reader, looks_like_backup};
use crate::record::Record;
use tokio::sync::mpsc::{Receiver, channel};

/// Bytes of a file that tell what it is.
const BEGINNING: u64 = 32;

/// So many records are read ahead of who takes them.
const READ_AHEAD: usize = 256;

/// The records of a source, read on a thread of their own.
pub struct Records(Receiver<Result<Option<Record>, BackupError>>);

impl Records {
    /// The next record; none at the end.
    pub async fn next(&mut self) -> Result<Option<Record>, BackupError> {
        // Who sends says so at the end; without that it has broken off.
        self.0.recv().await.unwrap_or(Err(BackupError::BrokenOff))
    }
}

/// What a cluster can be restored from.
pub enum Source {
    /// A backup of pintle.
    Backup(Box<Reader<BufReader<File>>>),
    /// A snapshot of etcd.
    Etcd(Box<EtcdSnapshot>),
}

impl Source {
    /// Opens a file of either kind. `etcd_prefix` is what the keys of the cluster begin with in a snapshot.
    pub fn open(
        path: &Path,
        passphrase: Option<&Passphrase>,
        etcd_prefix: &str,
    ) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        let mut beginning = Vec::new();
        File::open(path)
            .and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning))
            .map_err(BackupError::read(&name, 0))?;
        if looks_like_backup(&beginning) {
            return Reader::open(path, passphrase).map(|reader| Self::Backup(Box::new(reader)));
        }
        if looks_like_database(&beginning) {
            return EtcdSnapshot::open(path, etcd_prefix).map(|snapshot| Self::Etcd(Box::new(snapshot)));
        }
        Err(BackupError::NotABackup { name })
    }

    /// What it is of.
    pub fn about(&self) -> &About {
        match self {
            Self::Backup(reader) => &reader.header().about,
            Self::Etcd(snapshot) => snapshot.about(),
        }
    }

    /// Reads it on a thread of its own.
    pub fn into_records(self) -> Records {
        let (sender, receiver) = channel(READ_AHEAD);
        tokio::task::spawn_blocking(move || {
            let sent = self.for_each(|record| {
                // Nobody takes it: then the rest need not be read.
                sender
                    .blocking_send(Ok(Some(record)))
                    .map_err(|_| BackupError::BrokenOff)
            });
            let _ = sender.blocking_send(sent.map(|()| None));
        });
        Records(receiver)
    }

    /// Gives each record to `each`. Only if that ends well is it known that there were no more.
    pub fn for_each(
        self,
        mut each: impl FnMut(Record) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        match self {
            Self::Backup(mut reader) => {
                while let Some(record) = reader.next()? {
                    each(record)?;
                }
                Ok(())
            }
            Self::Etcd(snapshot) => snapshot.for_each(|entry| each(Record::Entry(entry))),
        }
    }
}
