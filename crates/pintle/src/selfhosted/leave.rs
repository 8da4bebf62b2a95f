//! Back from the self-hosted form: the static pod goes, so that this process can have the store.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubelet::containerd::Process;

use super::{FOLDER, manifest_path};
use crate::killall::processes_in_containers;

/// How long components may take to end when asked to.
const END_WITHIN: Duration = Duration::from_secs(30);

/// Why the static pod is still there.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// Its manifest cannot be removed.
    #[error("{path} cannot be removed")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its processes cannot be ended.
    #[error("the components in containers cannot be ended")]
    Processes(#[source] io::Error),
}

/// Removes the static pod's manifest and ends the components, if this data directory was used self-hosted. No kubelet of this
/// data directory may be running: it would start them again.
pub async fn leave(data_dir: &Path) -> Result<(), LeaveError> {
    let path = manifest_path(data_dir);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        // What else is wrong with the data directory is told by who opens it.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(());
        }
        Err(source) => return Err(LeaveError::Manifest { path, source }),
    }
    tracing::info!("the components in containers end; this process takes their place");
    end(data_dir).await.map_err(LeaveError::Processes)
}

async fn end(data_dir: &Path) -> io::Result<()> {
    let components = processes_in_containers(data_dir)?
        .into_iter()
        .filter(|(_, words)| {
            words
                .first()
                .is_some_and(|program| Path::new(program).starts_with(FOLDER))
        });
    let mut ending: Vec<Process> = components.filter_map(|(id, _)| Process::open(id).ok()).collect();
    ending.iter().try_for_each(Process::terminate)?;
    for process in &mut ending {
        if tokio::time::timeout(END_WITHIN, process.wait()).await.is_err() {
            process.kill()?;
            process.wait().await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_manifest_there_is_nothing_to_leave() {
        let folder = tempfile::tempdir().expect("folder");
        leave(folder.path()).await.expect("nothing to do");
        let path = manifest_path(folder.path());
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, "{}").expect("written");
        leave(folder.path()).await.expect("done");
        assert!(!path.exists());
    }
}
