//! Containers' logs: a new file when one has grown large, and no more of them than needed.
//!
//! A log nobody writes to costs nothing: the kernel tells of the first line written, and only while lines come is the
//! size looked at, every [`CHECK`].

pub mod links;
mod watch;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::settings::NodeSettings;
use crate::cri::ContainerRuntime;
use watch::FileWatch;

/// The size at which a log is set aside; upstream's `containerLogMaxSize`.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// The files of a log, the one written to among them; upstream's `containerLogMaxFiles`.
const MAX_FILES: usize = 5;
/// How often the size of a log that is written to is looked at; upstream's `containerLogMonitorInterval`.
const CHECK: Duration = Duration::from_secs(10);

/// Looks after the logs of running containers.
pub struct LogKeeper {
    runtime: Arc<dyn ContainerRuntime>,
    /// Started with the first log.
    files: OnceLock<Option<Arc<FileWatch>>>,
    followed: Mutex<HashMap<String, AbortOnDropHandle<()>>>,
}

impl LogKeeper {
    pub fn new(runtime: Arc<dyn ContainerRuntime>) -> Self {
        Self {
            runtime,
            files: OnceLock::new(),
            followed: Mutex::default(),
        }
    }

    /// Looks after the log of a container from now on.
    pub fn follow(&self, container_id: &str, log: &Path) {
        let keeper = Keeper {
            runtime: self.runtime.clone(),
            files: self.files.get_or_init(watch_files).clone(),
            container_id: container_id.to_owned(),
            log: log.to_owned(),
            max_bytes: MAX_BYTES,
        };
        let mut followed = self.followed.lock();
        followed
            .entry(container_id.to_owned())
            .or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(keeper.run())));
    }

    /// Ends what [`LogKeeper::follow`] began.
    pub fn forget(&self, container_id: &str) {
        self.followed.lock().remove(container_id);
    }
}

/// None if the kernel has no more queues to give: then logs are looked at all the time.
fn watch_files() -> Option<Arc<FileWatch>> {
    match FileWatch::start() {
        Ok(files) => Some(Arc::new(files)),
        Err(error) => {
            tracing::warn!(%error, "logs cannot be watched");
            None
        }
    }
}

/// Removes the log of a container that is removed, with what was set aside of it.
pub fn remove(log: &Path) -> io::Result<()> {
    for file in earlier(log)?.iter().map(PathBuf::as_path).chain([log]) {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the logs of pods that are no longer here. `is_known`: whether the pod of a uid is.
pub fn sweep(node: &NodeSettings, is_known: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(&node.pod_logs_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // `NAMESPACE_NAME_UID`; what does not look like that is not ours.
        let uid = name.splitn(3, '_').nth(2);
        if uid.is_some_and(|uid| !is_known(uid)) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

struct Keeper {
    runtime: Arc<dyn ContainerRuntime>,
    files: Option<Arc<FileWatch>>,
    container_id: String,
    log: PathBuf,
    max_bytes: u64,
}

impl Keeper {
    async fn run(self) {
        loop {
            let written = match &self.files {
                Some(files) => files.written(&self.log).await,
                None => Ok(()),
            };
            if let Err(error) = written {
                // A log that is not there yet is waited for as one that is written to.
                tracing::debug!(log = %self.log.display(), %error, "log cannot be watched");
            }
            self.check().await;
            tokio::time::sleep(CHECK).await;
            self.check().await;
        }
    }

    async fn check(&self) {
        let size = std::fs::metadata(&self.log).map_or(0, |metadata| metadata.len());
        if size < self.max_bytes {
            return;
        }
        if let Err(error) = self.rotate().await {
            tracing::warn!(log = %self.log.display(), error, "log not rotated");
        }
    }

    async fn rotate(&self) -> Result<(), String> {
        let text = |error: io::Error| error.to_string();
        for old in surplus(&earlier(&self.log).map_err(text)?) {
            std::fs::remove_file(old).map_err(text)?;
        }
        let aside = set_aside(&self.log, Timestamp::now());
        std::fs::rename(&self.log, &aside).map_err(text)?;
        let reopened = self.runtime.reopen_container_log(&self.container_id).await;
        reopened.map_err(|error| {
            // The runtime goes on writing to the old file; it must be found where it was.
            match std::fs::rename(&aside, &self.log) {
                Ok(()) => error.to_string(),
                Err(worse) => format!("{error}; {worse}"),
            }
        })
    }
}

/// The name of a log that is set aside: `0.log.20060102-150405`.
fn set_aside(log: &Path, now: Timestamp) -> PathBuf {
    let time = jiff::civil::DateTime::from(now.to_zoned(jiff::tz::TimeZone::UTC));
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{}", time.strftime("%Y%m%d-%H%M%S")));
    PathBuf::from(name)
}

/// Logs that were set aside, the oldest first: their names tell their age.
fn earlier(log: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name()) else {
        return Ok(Vec::new());
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

/// What must go so that, with the one written to and the one about to be set aside, there are not too many.
fn surplus(earlier: &[PathBuf]) -> &[PathBuf] {
    let kept = MAX_FILES - 2;
    &earlier[..earlier.len().saturating_sub(kept)]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cri::RuntimeError;
    use crate::cri::fake::FakeRuntime;
    use crate::cri::message::{ContainerConfig, ContainerMetadata, ImageSpec, PodSandboxConfig};

    async fn container(runtime: &FakeRuntime) -> String {
        let sandbox_config = PodSandboxConfig::default();
        let sandbox = runtime.run_sandbox(&sandbox_config, "").await.unwrap();
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata::default()),
            image: Some(ImageSpec::new("a")),
            ..ContainerConfig::default()
        };
        runtime
            .create_container(&sandbox, &config, &sandbox_config)
            .await
            .unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_large_log_is_set_aside_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("0.log");
        for name in [
            "0.log.20200101-000000",
            "0.log.20200102-000000",
            "0.log.20200103-000000",
            "0.log.20200104-000000",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(&log, "0123456789").unwrap();
        let runtime = Arc::new(FakeRuntime::new(&["a"]));
        let keeper = Keeper {
            container_id: container(&runtime).await,
            runtime: runtime.clone(),
            files: None,
            log: log.clone(),
            max_bytes: 10,
        };
        keeper.check().await;
        let left = names(folder.path());
        assert_eq!(left.len(), 4, "{left:?}");
        assert_eq!(left[0], "0.log.20200102-000000");
        assert!(
            runtime
                .calls()
                .iter()
                .any(|call| call.starts_with("reopen_container_log"))
        );

        // What the runtime does not reopen stays in place.
        fs::write(&log, "0123456789").unwrap();
        runtime.fail_next(
            "reopen_container_log",
            RuntimeError::new(tonic::Code::Unknown, "no"),
        );
        keeper.check().await;
        assert!(log.exists());
        fs::write(&log, "012345678").unwrap();
        keeper.check().await;
        assert!(log.exists());
    }

    #[test]
    fn logs_go_with_their_pods() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeSettings {
            pod_logs_dir: folder.path().to_owned(),
            ..NodeSettings::default()
        };
        for name in ["ns_a_1/c", "ns_b_2/c", "other"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let log = folder.path().join("ns_a_1/c/0.log");
        for name in ["0.log", "0.log.20200101-000000", "1.log"] {
            fs::write(log.with_file_name(name), "").unwrap();
        }
        remove(&log).unwrap();
        remove(&log).unwrap();
        assert_eq!(names(&folder.path().join("ns_a_1/c")), ["1.log"]);
        sweep(&node, |uid| uid == "1").unwrap();
        assert_eq!(names(folder.path()), ["ns_a_1", "other"]);
    }

    #[test]
    fn names_tell_the_time() {
        let at: Timestamp = "2006-01-02T15:04:05Z".parse().unwrap();
        assert_eq!(
            set_aside(Path::new("/l/0.log"), at),
            Path::new("/l/0.log.20060102-150405")
        );
    }
}
