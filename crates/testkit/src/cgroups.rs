//! The cgroups of a machine in namespaces: the one thing that does not vanish by itself.

use std::path::Path;
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";

/// The cgroup of the machine with that folder, below the root of every hierarchy.
pub(crate) fn name(machine: &Path) -> String {
    let name = machine.file_name().expect("a machine's folder has a name");
    name.to_string_lossy().into_owned()
}

/// Removes the cgroups of a machine that has ended.
pub(crate) fn sweep(machine: &Path) {
    let name = name(machine);
    let root = Path::new(ROOT);
    let hierarchies = std::fs::read_dir(root).into_iter().flatten().flatten();
    let groups = hierarchies
        .map(|entry| entry.path().join(&name))
        .chain([root.join(&name)]);
    for group in groups.filter(|group| group.is_dir()) {
        // The kernel counts a killed process for a moment longer.
        for _ in 0..20 {
            remove(&group);
            if !group.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Deepest first.
fn remove(group: &Path) {
    let entries = std::fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&entry.path());
    }
    let _ = std::fs::remove_dir(group);
}
