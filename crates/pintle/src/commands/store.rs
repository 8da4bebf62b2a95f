//! `pintle store`: looks at the state store on disk. The server must not be running.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cluster::DataDir;
use store_embedded::Report;

use super::CommandError;

/// Look at the state store on disk. The server must not be running.
#[derive(Debug, Args)]
pub struct StoreCommand {
    /// Where everything is kept.
    #[arg(
        long,
        global = true,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    data_dir: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read everything, check every checksum and compare the index with the log. Says where damage lies, and fails if there
    /// is any. Changes nothing.
    Verify,
    /// Say how large the store is, what it holds, and how much of it is garbage.
    Stat,
}

impl StoreCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        // Looking makes no data directory.
        let held = there(&self.data_dir).and_then(|()| Ok(DataDir::open(&self.data_dir)?))?;
        let store = held.store();
        there(&store)?;
        match self.action {
            Action::Verify => verify(&store),
            Action::Stat => {
                let report = store_embedded::measure(&store)?;
                print!("{}", describe(&store, &report));
                Ok(())
            }
        }
    }
}

fn there(path: &Path) -> Result<(), CommandError> {
    let missing = |source| CommandError::NoCluster {
        path: path.to_owned(),
        source,
    };
    std::fs::metadata(path).map(|_| ()).map_err(missing)
}

fn verify(path: &Path) -> Result<(), CommandError> {
    let report = store_embedded::verify(path)?;
    for problem in &report.problems {
        println!("{problem}");
    }
    match report.problems.len() {
        0 => {
            println!(
                "{} is sound: {} keys at revision {}, {} values and {} records read",
                path.display(),
                report.keys,
                report.revision,
                report.values,
                report.records
            );
            Ok(())
        }
        count => Err(CommandError::Damaged {
            path: path.to_owned(),
            count,
        }),
    }
}

fn describe(path: &Path, report: &Report) -> String {
    let garbage = report.segment_bytes.saturating_sub(report.live_bytes);
    let lines = [
        ("path", path.display().to_string()),
        ("revision", report.revision.to_string()),
        ("compacted revision", report.compacted.to_string()),
        ("keys", report.keys.to_string()),
        ("segments", report.segments.to_string()),
        ("segment bytes", report.segment_bytes.to_string()),
        ("  needed", report.live_bytes.to_string()),
        ("  garbage or reserved", garbage.to_string()),
        ("checkpoint bytes", report.checkpoint_bytes.to_string()),
        ("log bytes since then", report.log_bytes.to_string()),
    ];
    let lines = lines.map(|(name, value)| format!("{:24}{value}\n", format!("{name}:")));
    lines.concat()
}
