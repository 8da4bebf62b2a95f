//! Does what was decided. Each step is taken whatever came of the others; what is left is told.

use std::io;
use std::path::Path;
use std::time::Duration;

use kubelet::containerd::Process;
use nix::mount::{MntFlags, umount2};

use super::observed::words_of;
use super::plan::Plan;

/// How long a process may take to end.
const END_WITHIN: Duration = Duration::from_secs(10);
/// The kernel counts a process that was ended for a moment longer: how often its cgroup is tried, and how long between.
const CGROUP_TRIES: usize = 40;
const CGROUP_PAUSE: Duration = Duration::from_millis(50);

/// Ends containers, unmounts, removes cgroups. Gives what could not be removed.
pub(super) async fn execute(plan: &Plan) -> Vec<String> {
    let mut left = end(&plan.containers).await;
    for mount in &plan.mounts {
        if let Err(error) = unmount(mount) {
            left.push(format!("{} is still mounted: {error}", mount.display()));
        }
    }
    for cgroup in &plan.cgroups {
        if let Err(error) = remove_cgroup(cgroup).await {
            left.push(format!("cgroup {} is still there: {error}", cgroup.display()));
        }
    }
    left
}

/// Ends processes without warning, and waits until all have ended.
pub(super) async fn end(ids: &[u32]) -> Vec<String> {
    let mut ending = Vec::new();
    for &id in ids {
        let words = words_of(id);
        // Ended already, or its number has come to mean another process while it was taken hold of.
        let Ok(process) = Process::open(id) else { continue };
        if words.is_none() || words != words_of(id) {
            continue;
        }
        if process.kill().is_ok() {
            ending.push((id, process));
        }
    }
    let mut left = Vec::new();
    for (id, mut process) in ending {
        if tokio::time::timeout(END_WITHIN, process.wait()).await.is_err() {
            left.push(format!("process {id} does not end"));
        }
    }
    left
}

/// What is in use goes out of sight now, and for good when its last user ends. The empty file that a network namespace was
/// mounted on goes too.
fn unmount(mount: &Path) -> io::Result<()> {
    match umount2(mount, MntFlags::MNT_DETACH) {
        // A mount below another goes with it.
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let is_empty_file = mount
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() == 0);
    if is_empty_file
        && mount
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name == "netns")
    {
        std::fs::remove_file(mount)?;
    }
    Ok(())
}

async fn remove_cgroup(cgroup: &Path) -> io::Result<()> {
    for _ in 0..CGROUP_TRIES {
        match std::fs::remove_dir(cgroup) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                tokio::time::sleep(CGROUP_PAUSE).await;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => return done,
        }
    }
    // Somebody else's processes are in it, so it is theirs too.
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn processes_are_ended_and_waited_for() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep is there");
        // The kernel lets the parent go on a moment before a new program's words can be read.
        for _ in 0..1000 {
            if words_of(child.id()).is_some_and(|words| !words.is_empty()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(end(&[child.id(), u32::MAX / 2]).await.is_empty());
        let status = child.wait().expect("it was our child");
        assert!(!status.success());
    }

    #[tokio::test]
    async fn what_is_not_there_is_removed_already() {
        let folder = tempfile::tempdir().expect("folder");
        let plan = Plan {
            mounts: vec![folder.path().join("a")],
            cgroups: vec![folder.path().join("b")],
            ..Plan::default()
        };
        assert!(execute(&plan).await.is_empty());
    }
}
