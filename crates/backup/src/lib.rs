//! Backup files: a whole cluster in one file, written, checked, read and restored.
//!
//! A [`Writer`] turns [records](record::Record) into a file and a [`Reader`] gives them back, both as they go: neither ever
//! holds more than a chunk. `docs/backup-format.md` draws what lies in the file.
//!
//! - [`files`] says what of a data directory belongs into a backup.
//! - [`output`] puts a file in place at once or not at all.
//! - [`restore`] fills a data directory or a store.
//! - [`s3`] is a bucket that backups are put into.

mod chunk;
mod encryption;
mod error;
mod etcd;
pub mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod header;
pub mod names;
pub mod output;
mod reader;
pub mod record;
pub mod restore;
pub mod s3;
mod source;
mod summary;
mod writer;

pub use encryption::{Encryption, Passphrase};
pub use error::BackupError;
pub use etcd::{EtcdSnapshot, PREFIX};
pub use header::{About, FORMAT, Header};
pub use reader::{Reader, looks_like_backup, read_header};
pub use record::{FileRole, Record, SavedFile, Totals};
pub use source::{Records, Source};
pub use summary::{Summary, summarize};
pub use writer::Writer;
