//! `pintle backup`: saves a cluster into a file, and looks at such files.

mod bytes;
mod inspect;
mod list;
mod passphrase;
mod progress;
mod remote;
pub mod restore;
mod save;

use std::path::{Path, PathBuf};

use backup::{Reader, Summary, summarize};
use clap::{Args, Subcommand};

use super::CommandError;
use super::cluster::ClusterOptions;
use crate::settings::S3Options;
use passphrase::PassphraseOptions;
use progress::Progress;
use remote::Fetched;

/// Save a cluster into a file, and look at such files.
#[derive(Debug, Args)]
pub struct BackupCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Save the running cluster: its state, keys, certificates, tokens and configuration.
    Save {
        #[command(flatten)]
        cluster: ClusterOptions,
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// List the backups of a folder or a bucket.
    #[command(visible_alias = "list")]
    Ls {
        /// Where everything is kept; its folder `backups` is looked at unless another is named.
        #[arg(
            long,
            default_value = "/var/lib/pintle",
            value_name = "DIR",
            env = "PINTLE_DATA_DIR"
        )]
        data_dir: PathBuf,
        /// The folder, or `s3://BUCKET/PREFIX/`.
        place: Option<String>,
        #[command(flatten)]
        s3: S3Options,
    },
    /// Check all of a backup.
    Verify(FileOptions),
    /// Say what is in a backup.
    Inspect(FileOptions),
}

/// Which backup, and how to read it.
#[derive(Debug, Args)]
struct FileOptions {
    /// The file, or `s3://BUCKET/NAME`.
    file: String,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    #[command(flatten)]
    s3: S3Options,
}

impl BackupCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        match self.action {
            Action::Save {
                cluster,
                file,
                passphrase,
            } => save::save(&cluster, &file, passphrase.new_one()?),
            Action::Ls { data_dir, place, s3 } => list::list(&data_dir, place.as_deref(), &s3),
            Action::Verify(options) => {
                let summary = options.read("checking")?;
                println!("{} is whole: {}", options.file, inspect::counts(&summary.totals));
                Ok(())
            }
            Action::Inspect(options) => {
                let summary = options.read("reading")?;
                print!("{}", inspect::describe(&summary));
                Ok(())
            }
        }
    }
}

impl FileOptions {
    /// Reads all of it.
    fn read(&self, doing: &'static str) -> Result<Summary, CommandError> {
        let fetched = Fetched::of(&self.file, &self.s3, None)?;
        let passphrase = self.passphrase.given()?;
        let reader = Reader::open(fetched.path(), passphrase.as_ref())?;
        let mut progress = Progress::new(doing, size(fetched.path()));
        let summary = summarize(reader, |bytes| progress.at(bytes));
        progress.clear();
        Ok(summary?)
    }
}

fn size(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.len())
}
