//! Why a backup cannot be written, read or restored.

use std::io;
use std::path::PathBuf;

use store::StoreError;

/// Why a backup cannot be written, read or restored. `name` is the file, as it was named by who asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be read, or what it comes from broke off.
    #[error("{name} cannot be read")]
    Read {
        /// Which file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{name} cannot be written")]
    Write {
        /// Which file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("{name} is not a backup of pintle")]
    NotABackup {
        /// Which file.
        name: String,
    },
    /// A later version of pintle wrote it.
    #[error(
        "{name} has backup format {found}, this version reads {newest}; use the version of pintle that wrote it, or a later one"
    )]
    NewerFormat {
        /// Which file.
        name: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        newest: u32,
    },
    /// The file ends too early.
    #[error("{name} is cut off at byte {offset}")]
    Truncated {
        /// Which file.
        name: String,
        /// Where it ends.
        offset: u64,
    },
    /// What lies in the file is not what was written.
    #[error("{name} is damaged at byte {offset}: {problem}")]
    Damaged {
        /// Which file.
        name: String,
        /// Where what is damaged begins.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// Whoever read the file has ended too early.
    #[error("reading the backup broke off")]
    BrokenOff,
    /// The file is encrypted, and no passphrase was given.
    #[error("{name} is encrypted; give its passphrase with --passphrase-file")]
    NoPassphrase {
        /// Which file.
        name: String,
    },
    /// The passphrase is another one.
    #[error("the passphrase of {name} is wrong")]
    WrongPassphrase {
        /// Which file.
        name: String,
    },
    /// A passphrase is needed and there is nothing.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// A value is larger than a backup can hold.
    #[error("{what} of {size} bytes is too large for a backup")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its size.
        size: usize,
    },
    /// The store cannot be read or written.
    #[error("the state store failed")]
    Store(#[from] StoreError),
    /// The store of a data directory cannot be filled.
    #[error("{path} cannot be filled")]
    Fill {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// There is data where the backup was to go.
    #[error("{path} holds data already{}; give another --data-dir, or --force to move what is there aside", .cluster.as_deref().map(|id| format!(" (of cluster {id})")).unwrap_or_default())]
    NotEmpty {
        /// The data directory.
        path: PathBuf,
        /// The cluster that is there, if that can be told.
        cluster: Option<String>,
    },
    /// There is another cluster where the backup was to go.
    #[error(
        "{path} holds cluster {there}, the backup is of cluster {backup}; move that directory away yourself, or give another --data-dir"
    )]
    OtherCluster {
        /// The data directory.
        path: PathBuf,
        /// The cluster that is there.
        there: String,
        /// The cluster in the backup.
        backup: String,
    },
    /// The store that was to be filled has keys.
    #[error("the store holds {keys} keys already; a backup is restored into an empty store only")]
    StoreNotEmpty {
        /// How many.
        keys: usize,
    },
    /// The store would have to make more revisions than it can.
    #[error(
        "the backup stands at revision {revision}, and a store that counts its revisions itself would have to make {missing} of them, each with a write; {most} are the most. Restore it into a data directory, without --datastore-endpoint"
    )]
    TooFar {
        /// Where the store is to stand.
        revision: u64,
        /// How many revisions it lacks.
        missing: u64,
        /// How many it would make.
        most: u64,
    },
    /// A bucket does not do what it is asked.
    #[error("{url}: {problem}")]
    Bucket {
        /// The bucket, or what is in it.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// A value of another store cannot be taken over.
    #[error("{name}: {problem}")]
    Foreign {
        /// Which file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl BackupError {
    pub(crate) fn read(name: &str, offset: u64) -> impl Fn(io::Error) -> Self + use<> {
        let name = name.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated {
                name: name.clone(),
                offset,
            },
            _ => Self::Read {
                name: name.clone(),
                source,
            },
        }
    }

    pub(crate) fn write(name: &str) -> impl Fn(io::Error) -> Self + use<> {
        let name = name.to_owned();
        move |source| Self::Write {
            name: name.clone(),
            source,
        }
    }
}
