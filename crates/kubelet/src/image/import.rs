//! Brings images from archives (of `docker save`, or an OCI layout) to containerd.
//!
//! CRI has no call for it, and containerd's own import is a choreography of half a dozen services, so the `ctr` command
//! that comes with every containerd does it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// containerd may refuse what it would take a moment later, as when it is short of room or of time. So long each wait is
/// before an archive is offered to it again.
const OFFERED_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Where images go: a running containerd.
#[derive(Clone, Debug)]
pub struct ImageImporter {
    /// Path of the `ctr` command.
    pub ctr: PathBuf,
    /// containerd's socket.
    pub socket: PathBuf,
    /// Into which snapshotter layers are unpacked; containerd's default if none.
    pub snapshotter: Option<String>,
}

/// Why an archive was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The command that imports is missing or could not be started.
    #[error("failed to run {command}, which comes with containerd")]
    Command {
        /// Its path.
        command: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// containerd did not take it.
    #[error("failed to import {archive}: {message}")]
    Refused {
        /// The archive.
        archive: PathBuf,
        /// What containerd said.
        message: String,
    },
    /// A file could not be read or written.
    #[error("failed to read {path}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ImageImporter {
    /// Imports one archive. The answer names the images that were in it.
    pub async fn import(&self, archive: &Path) -> Result<Vec<String>, ImportError> {
        let mut command = Command::new(&self.ctr);
        command
            .arg("--address")
            .arg(&self.socket)
            .args(["--namespace", "k8s.io", "images", "import"]);
        if let Some(snapshotter) = &self.snapshotter {
            command.args(["--snapshotter", snapshotter]);
        }
        let output = command
            .arg(archive)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| ImportError::Command {
                command: self.ctr.clone(),
                source,
            })?;
        if !output.status.success() {
            return Err(ImportError::Refused {
                archive: archive.to_owned(),
                message: last_line(&output.stderr),
            });
        }
        Ok(imported_names(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Imports one archive, and offers it again if it is refused: nobody else would, and pods would wait for its images for ever.
    pub async fn import_patiently(&self, archive: &Path) -> Result<Vec<String>, ImportError> {
        for pause in OFFERED_AGAIN_AFTER {
            match self.import(archive).await {
                Err(error @ ImportError::Refused { .. }) => {
                    tracing::warn!(%error, "an image archive is offered again");
                }
                ended => return ended,
            }
            tokio::time::sleep(pause).await;
        }
        self.import(archive).await
    }

    /// Imports what is new or changed in a folder, in order of name. `record` remembers between starts what was imported,
    /// and `is_present` tells whether an image is still there. One bad archive does not keep the others out.
    pub async fn import_folder(
        &self,
        folder: &Path,
        record: &Path,
        is_present: impl Fn(&str) -> bool,
    ) -> Result<(), ImportError> {
        let before = read_record(record);
        let mut after = BTreeMap::new();
        for archive in archives(folder)? {
            let Ok(stamp) = Stamp::of(&archive) else { continue };
            let known = before.get(&archive).filter(|known| known.stamp == stamp);
            if let Some(known) = known
                && known.images.iter().all(|image| is_present(image))
            {
                after.insert(archive, known.clone());
                continue;
            }
            match self.import_patiently(&archive).await {
                Ok(images) => {
                    tracing::info!(archive = %archive.display(), ?images, "imported images");
                    after.insert(archive, Imported { stamp, images });
                }
                Err(error @ ImportError::Command { .. }) => return Err(error),
                Err(error) => tracing::error!(%error, "image archive was not imported"),
            }
        }
        write_record(record, &after)
    }
}

/// What tells a file from a later one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    modified: i64,
    modified_nanos: i64,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self {
            size: metadata.size(),
            modified: metadata.mtime(),
            modified_nanos: metadata.mtime_nsec(),
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Imported {
    stamp: Stamp,
    images: Vec<String>,
}

type Record = BTreeMap<PathBuf, Imported>;

/// The archives of a folder. No folder, no archives.
fn archives(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(ImportError::File {
                path: folder.to_owned(),
                source,
            });
        }
    };
    let mut archives: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            path.to_string_lossy().ends_with(".tar") || path.to_string_lossy().ends_with(".tar.gz")
        })
        .collect();
    archives.sort();
    Ok(archives)
}

/// The names of the images that were imported so far.
pub fn imported(record: &Path) -> BTreeSet<String> {
    read_record(record)
        .into_values()
        .flat_map(|imported| imported.images)
        .collect()
}

/// What was imported so far; nothing if the record is missing or unreadable, which only costs time.
fn read_record(path: &Path) -> Record {
    std::fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn write_record(path: &Path, record: &Record) -> Result<(), ImportError> {
    let bytes = serde_json::to_vec(record).expect("the record has text keys");
    std::fs::write(path, bytes).map_err(|source| ImportError::File {
        path: path.to_owned(),
        source,
    })
}

/// `ctr` says `unpacking NAME (DIGEST)...done` for each image.
fn imported_names(output: &str) -> Vec<String> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("unpacking ")?.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.trim().lines().last().unwrap_or("no reason given");
    line.strip_prefix("ctr: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_what_ctr_says() {
        let output =
            "unpacking localhost/pause:1 (sha256:0a)...done\nunpacking docker.io/library/a:b (sha256:1b)...";
        assert_eq!(
            imported_names(output),
            ["localhost/pause:1", "docker.io/library/a:b"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_offered_again_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // A containerd that takes an archive when it is offered for the third time. Another process writes it, for what this
        // one has open for writing cannot be run.
        let made = std::process::Command::new("sh")
            .args(["-c", "cat > ctr && chmod +x ctr"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .spawn();
        let mut made = made.unwrap();
        let script = "#!/bin/sh\necho >> $7 || exit 1\ntest $(wc -l < $7) -gt 2 || exit 1\n\
            echo 'unpacking a:1 (sha256:0a)...done'\n";
        std::io::Write::write_all(&mut made.stdin.take().unwrap(), script.as_bytes()).unwrap();
        assert!(made.wait().unwrap().success());
        let importer = ImageImporter {
            ctr: path("ctr"),
            socket: path("socket"),
            snapshotter: None,
        };
        std::fs::write(path("a.tar"), "").unwrap();
        assert_eq!(importer.import_patiently(&path("a.tar")).await.unwrap(), ["a:1"]);
        std::fs::remove_file(path("a.tar")).unwrap();
        std::fs::create_dir(path("a.tar")).unwrap();
        let refused = importer.import_patiently(&path("a.tar")).await;
        assert!(matches!(refused, Err(ImportError::Refused { .. })), "{refused:?}");
    }

    #[test]
    fn only_archives_count_and_a_missing_folder_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tar", "a.tar.gz", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = archives(folder.path()).unwrap();
        assert_eq!(
            names,
            [folder.path().join("a.tar.gz"), folder.path().join("b.tar")]
        );
        assert!(archives(&folder.path().join("missing")).unwrap().is_empty());
    }
}
