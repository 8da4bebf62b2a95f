//! Backups by the clock: written, put where they were asked for, and the oldest removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backup::s3::Bucket;
use backup::{BackupError, Passphrase};
use client::Client;
use client::controller::Chain;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meta::Schedule;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::BackupSource;
use super::last::Last;
use super::target::{self, Target};
use crate::server::StartError;
use crate::server::leadership::Leadership;
use crate::server::options::ServerOptions;
use crate::settings::{BackupOptions, ElectionSettings};

/// By this Lease the masters that have a schedule agree which of them keeps it.
const LEASE: &str = "pintle-backups";

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
    /// What other masters are told of it, if there are any.
    last: Option<Last>,
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

    /// Keeps the schedule until the token fires: of several masters that have one, whichever leads.
    pub(in crate::server) fn start(
        self,
        source: BackupSource,
        leadership: Leadership,
        (machine, client): (String, Client),
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        let last = (leadership == Leadership::Elected).then(|| Last(source.store.clone()));
        let scheduled = Arc::new(Scheduled {
            plan: self,
            source,
            last,
        });
        let election = ElectionSettings::of(LEASE);
        tasks.spawn(
            leadership.run(election, machine, client, shutdown.clone(), move |leading| {
                run(scheduled.clone(), leading)
            }),
        );
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

async fn run(scheduled: Arc<Scheduled>, leading: CancellationToken) {
    let mut after = scheduled.begin().await;
    while let Some(due) = scheduled.plan.schedule.next(after, &TimeZone::UTC) {
        if !wait_until(due, &leading).await {
            return;
        }
        // What came due while a backup was made, while the machine slept, or while nobody led, is one backup and not many.
        after = Timestamp::now().max(due);
        let begun = Timestamp::now();
        match leading.run_until_cancelled(scheduled.once()).await {
            Some(Ok(name)) => {
                let took_ms = Timestamp::now().duration_since(begun).as_millis();
                tracing::info!(name, took_ms, "a scheduled backup was made");
                scheduled.reached(after).await;
            }
            Some(Err(error)) => tracing::error!(error = %Chain(&error), "a scheduled backup failed"),
            None => return,
        }
    }
    tracing::warn!("the schedule of backups never comes due");
    leading.cancelled().await;
}

/// False if the lead, or the server, ends before.
async fn wait_until(due: Timestamp, leading: &CancellationToken) -> bool {
    loop {
        let left = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
        if left.is_zero() {
            return true;
        }
        let wait = tokio::time::sleep(left.min(LOOK_AT_LEAST));
        if leading.run_until_cancelled(wait).await.is_none() {
            return false;
        }
    }
}

impl Scheduled {
    /// The time from which on backups come due.
    async fn begin(&self) -> Timestamp {
        let now = Timestamp::now();
        let Some(last) = &self.last else { return now };
        last.ensure(now).await.unwrap_or_else(|error| {
            tracing::warn!(error = %Chain(&error), "what came due before is not known");
            now
        })
    }

    async fn reached(&self, at: Timestamp) {
        let Some(last) = &self.last else { return };
        if let Err(error) = last.reached(at).await {
            tracing::warn!(error = %Chain(&error), "other masters are not told of the backup");
        }
    }

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
