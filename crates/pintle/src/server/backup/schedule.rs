//! Backups by the clock: written, put where they were asked for, and the oldest removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backup::s3::Bucket;
use backup::{BackupError, Passphrase};
use client::controller::Chain;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meta::Schedule;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::BackupSource;
use super::target::{self, Target};
use crate::server::StartError;
use crate::server::options::ServerOptions;
use crate::settings::BackupOptions;

/// The clock may be set, and machines sleep: how often at least the time is looked at.
const LOOK_AT_LEAST: Duration = Duration::from_secs(3600);

/// When backups are made and where they go, as it was asked for.
pub(in crate::server) struct Plan {
    schedule: Schedule,
    target: Target,
    passphrase: Option<Passphrase>,
}

struct Scheduled {
    plan: Plan,
    source: BackupSource,
}

impl Plan {
    /// What was asked for, if anything was. What is wrong with it is said now.
    pub(in crate::server) fn of(options: &ServerOptions) -> Result<Option<Self>, StartError> {
        let Some(schedule) = options.backup.schedule.clone() else {
            return Ok(None);
        };
        Ok(Some(Self {
            schedule,
            target: target(&options.backup, &options.data_dir)?,
            passphrase: passphrase(&options.backup)?,
        }))
    }

    /// Begins to make backups, until the token fires.
    pub(in crate::server) fn start(
        self,
        source: BackupSource,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        let scheduled = Arc::new(Scheduled { plan: self, source });
        tasks.spawn(run(scheduled, shutdown.clone()));
    }
}

fn target(options: &BackupOptions, data_dir: &Path) -> Result<Target, StartError> {
    let folder: PathBuf = options
        .dir
        .clone()
        .unwrap_or_else(|| data_dir.join(target::FOLDER));
    let bucket = options.s3.bucket().map_err(StartError::Backup)?;
    Ok(Target {
        folder,
        bucket: bucket.map(Bucket::new).transpose().map_err(StartError::Backup)?,
        retention: options.retention,
    })
}

fn passphrase(options: &BackupOptions) -> Result<Option<Passphrase>, StartError> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|source| StartError::Read {
            path: path.clone(),
            source,
        })?;
        Passphrase::new(&text).map_err(StartError::Backup)
    };
    options.passphrase_file.as_ref().map(read).transpose()
}

async fn run(scheduled: Arc<Scheduled>, shutdown: CancellationToken) {
    let mut after = Timestamp::now();
    while let Some(due) = scheduled.plan.schedule.next(after, &TimeZone::UTC) {
        if !wait_until(due, &shutdown).await {
            return;
        }
        // What came due while a backup was made, or while the machine slept, is one backup and not many.
        after = Timestamp::now().max(due);
        let begun = Timestamp::now();
        match shutdown.run_until_cancelled(scheduled.once()).await {
            Some(Ok(name)) => {
                let took_ms = Timestamp::now().duration_since(begun).as_millis();
                tracing::info!(name, took_ms, "a scheduled backup was made");
            }
            Some(Err(error)) => tracing::error!(error = %Chain(&error), "a scheduled backup failed"),
            None => return,
        }
    }
    tracing::warn!("the schedule of backups never comes due");
}

/// False if the server ends before.
async fn wait_until(due: Timestamp, shutdown: &CancellationToken) -> bool {
    loop {
        let left = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
        if left.is_zero() {
            return true;
        }
        let wait = tokio::time::sleep(left.min(LOOK_AT_LEAST));
        if shutdown.run_until_cancelled(wait).await.is_none() {
            return false;
        }
    }
}

impl Scheduled {
    /// Makes a backup; gives its name.
    async fn once(self: &Arc<Self>) -> Result<String, BackupError> {
        let begun = self.source.begin().await?;
        let name = backup::names::file_name(begun.about());
        let path = self.plan.target.folder.join(&name);
        let scheduled = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let written = tokio::task::spawn_blocking(move || {
            scheduled.plan.target.write(&path, |out| {
                let name = path.display().to_string();
                begun.write(out, &name, scheduled.plan.passphrase.as_ref(), &runtime)
            })
        });
        written.await.map_err(|_| BackupError::BrokenOff)??;
        self.plan.target.upload(&name).await?;
        self.plan.target.forget_oldest().await?;
        Ok(name)
    }
}
