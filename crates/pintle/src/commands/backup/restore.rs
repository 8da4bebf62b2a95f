//! `pintle restore`: a cluster out of a file, all of it or nothing.

use std::path::PathBuf;

use backup::restore::{FolderRestore, Restored, check_empty, check_folder, empty_store, fill_store};
use backup::{BackupError, Record, Source, Totals};
use clap::Args;
use cluster::DataDir;

use super::inspect::counts;
use super::passphrase::PassphraseOptions;
use super::progress::Progress;
use super::remote::Fetched;
use crate::commands::CommandError;
use crate::commands::cluster::wait_for;
use crate::server::{DatastoreOptions, connect_etcd};
use crate::settings::S3Options;

/// Revisions that are skipped: clients that have seen later ones than the backup's are told to read anew, and never see a
/// revision that means something else than it did.
const REVISION_GAP: u64 = 1_000_000;

/// Restore a cluster from a backup, or from a snapshot of etcd, into an empty data directory.
#[derive(Debug, Args)]
pub struct RestoreCommand {
    /// The file, or `s3://BUCKET/NAME`: of `pintle backup save`, or of `etcdctl snapshot save`.
    file: String,
    /// Where the cluster will be kept.
    #[arg(
        long,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    data_dir: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Move the cluster aside that is in the data directory. Nothing is deleted.
    #[arg(long)]
    force: bool,
    /// How many revisions are skipped, so that no client sees one again; default: a million, and 0 in an etcd, where each costs a
    /// write.
    #[arg(long, value_name = "COUNT")]
    revision_gap: Option<u64>,
    /// What the keys begin with in a snapshot of etcd: its kube-apiserver's --etcd-prefix.
    #[arg(long, value_name = "PREFIX", default_value = "/registry")]
    etcd_prefix: String,
    /// An etcd that the state is restored into, instead of the data directory.
    #[command(flatten)]
    datastore: DatastoreOptions,
    #[command(flatten)]
    s3: S3Options,
}

impl RestoreCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        let fetched = Fetched::of(&self.file, &self.s3, None)?;
        let passphrase = self.passphrase.given()?;
        let open = || Source::open(fetched.path(), passphrase.as_ref(), &self.etcd_prefix);
        let source = open()?;
        let cluster = source.about().cluster.clone();
        // Whoever runs on it would go on with what is moved away.
        let _held = match check_folder(&self.data_dir, &cluster, self.force)? {
            true => Some(DataDir::hold(&self.data_dir)?),
            false => None,
        };
        let (restored, aside) = if self.datastore.endpoints.is_empty() {
            self.fill_folder(source)?
        } else {
            wait_for(self.fill_etcd(source, open))?
        };
        println!(
            "{} holds the cluster at revision {}: {}",
            self.place(),
            restored.revision,
            counts(&restored.totals)
        );
        if let Some(aside) = aside {
            println!("what was there is in {}", aside.display());
        }
        println!("start it: pintle server --data-dir {}", self.data_dir.display());
        Ok(())
    }

    fn place(&self) -> String {
        match self.datastore.endpoints.as_slice() {
            [] => self.data_dir.display().to_string(),
            endpoints => endpoints.join(","),
        }
    }

    fn fill_folder(&self, source: Source) -> Result<(Restored, Option<PathBuf>), CommandError> {
        let revision = source
            .about()
            .revision
            .saturating_add(self.revision_gap.unwrap_or(REVISION_GAP));
        let mut restore = FolderRestore::begin(&self.data_dir, true)?;
        push_all(source, &mut restore, "restoring")?;
        Ok(restore.finish(revision)?)
    }

    /// Keys go into etcd, everything else into the data directory.
    async fn fill_etcd(
        &self,
        source: Source,
        again: impl Fn() -> Result<Source, BackupError>,
    ) -> Result<(Restored, Option<PathBuf>), CommandError> {
        let store = connect_etcd(&self.datastore)
            .await
            .map_err(CommandError::Datastore)?;
        check_empty(&store).await?;
        let mut restore = FolderRestore::begin(&self.data_dir, false)?;
        // Reads all of it, so that what is damaged is known before etcd is written to.
        push_all(source, &mut restore, "checking")?;
        let source = again()?;
        let revision = source
            .about()
            .revision
            .saturating_add(self.revision_gap.unwrap_or(0));
        let mut progress = Progress::new("restoring", None);
        let mut done = 0;
        let filled = fill_store(&store, revision, source.into_records(), || {
            done += 1;
            progress.count(done);
        });
        let filled = filled.await;
        progress.clear();
        let filled = filled?;
        match restore.finish(revision) {
            Ok((files, aside)) => {
                let totals = Totals {
                    files: files.totals.files,
                    entries: filled.totals.entries,
                    bytes: files.totals.bytes + filled.totals.bytes,
                };
                let revision = filled.revision;
                Ok((Restored { totals, revision }, aside))
            }
            Err(error) => {
                empty_store(&store).await?;
                Err(error.into())
            }
        }
    }
}

fn push_all(source: Source, restore: &mut FolderRestore, doing: &'static str) -> Result<(), BackupError> {
    let mut progress = Progress::new(doing, None);
    let mut bytes = 0;
    let pushed = source.for_each(|record| {
        bytes += size(&record);
        progress.at(bytes);
        restore.push(record)
    });
    progress.clear();
    pushed
}

fn size(record: &Record) -> u64 {
    let size = match record {
        Record::File(file) => file.content.len(),
        Record::Entry(entry) => entry.key_value.value.len(),
    };
    size as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_half_restored_is_known_by_the_same_name() {
        assert_eq!(backup::restore::UNFINISHED, cluster::data_dir::UNFINISHED_RESTORE);
    }
}
