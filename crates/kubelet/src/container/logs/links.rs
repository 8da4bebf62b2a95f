//! Links to the logs of containers, under the names collectors of logs look for: `/var/log/containers` beside
//! `/var/log/pods`, as upstream has it.

use std::io;
use std::path::{Path, PathBuf};

use crate::container::NodeSettings;

const FOLDER: &str = "containers";

/// Makes the link to the log of a container that runs.
pub fn make(log: &Path, container_id: &str) -> io::Result<()> {
    let Some(link) = link(log, container_id) else {
        return Ok(());
    };
    if let Some(folder) = link.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::os::unix::fs::symlink(log, &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Removes it again.
pub fn remove(log: &Path, container_id: &str) -> io::Result<()> {
    match link(log, container_id).map(std::fs::remove_file) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes links to logs of this node that are no more.
pub fn sweep(node: &NodeSettings) -> io::Result<()> {
    let Some(folder) = node.pod_logs_dir.parent().map(|parent| parent.join(FOLDER)) else {
        return Ok(());
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for link in entries.flatten().map(|entry| entry.path()) {
        let target = std::fs::read_link(&link).ok();
        if target.is_some_and(|log| log.starts_with(&node.pod_logs_dir) && !log.exists()) {
            std::fs::remove_file(link)?;
        }
    }
    Ok(())
}

/// `POD_NAMESPACE_CONTAINER-ID.log`, from a log at `NAMESPACE_POD_UID/CONTAINER/0.log`; none if it lies elsewhere.
fn link(log: &Path, container_id: &str) -> Option<PathBuf> {
    let text = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let of_container = log.parent()?;
    let of_pod = of_container.parent()?;
    let (container, pod) = (text(of_container)?, text(of_pod)?);
    let (namespace, rest) = pod.split_once('_')?;
    let (name, _uid) = rest.split_once('_')?;
    let folder = of_pod.parent()?.parent()?.join(FOLDER);
    Some(folder.join(format!("{name}_{namespace}_{container}-{container_id}.log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_and_go_with_their_logs() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeSettings {
            pod_logs_dir: folder.path().join("pods"),
            ..NodeSettings::default()
        };
        let log = |container: &str| {
            node.pod_logs_dir
                .join("ns_web-1_uid")
                .join(container)
                .join("0.log")
        };
        for container in ["a", "b"] {
            std::fs::create_dir_all(log(container).parent().unwrap()).unwrap();
            std::fs::write(log(container), container).unwrap();
            make(&log(container), "f00").unwrap();
            make(&log(container), "f00").unwrap();
        }
        let link = |container: &str| {
            folder
                .path()
                .join(format!("containers/web-1_ns_{container}-f00.log"))
        };
        assert_eq!(std::fs::read_to_string(link("a")).unwrap(), "a");
        remove(&log("a"), "f00").unwrap();
        remove(&log("a"), "f00").unwrap();
        assert!(!link("a").exists());
        std::fs::remove_file(log("b")).unwrap();
        sweep(&node).unwrap();
        assert!(std::fs::read_link(link("b")).is_err());
    }
}
