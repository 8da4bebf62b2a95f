//! Decides what goes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Place;
use super::observed::{Observed, Process};

/// What goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The containerd that pintle started: it must not see its containers go.
    pub runtime: Vec<u32>,
    /// Shims, and everything in containers.
    pub containers: Vec<u32>,
    /// In this order: what was mounted last goes first.
    pub mounts: Vec<PathBuf>,
    /// In this order: the innermost first. One that is not empty stays.
    pub cgroups: Vec<PathBuf>,
}

/// The cgroup of all pods of a node; above it nothing is pintle's.
const PODS_CGROUP: &str = "kubepods";

/// What goes, given what is there.
pub(super) fn plan(observed: &Observed, place: &Place, own_process: u32) -> Plan {
    let runs = |process: &&Process| is_runtime(process, place);
    let runtime = observed
        .processes
        .iter()
        .filter(runs)
        .map(|process| process.id)
        .collect();
    let mut containers: BTreeSet<u32> = observed
        .processes
        .iter()
        .filter(|process| is_shim(process, place))
        .map(|process| process.id)
        .collect();
    add_descendants(&mut containers, &observed.processes);
    // Containers whose shim has gone are still in their cgroups.
    containers.extend(
        observed
            .containers
            .iter()
            .flat_map(|container| &container.processes),
    );
    containers.remove(&own_process);
    Plan {
        runtime,
        containers: containers.into_iter().collect(),
        mounts: mounts(&observed.mounts, place),
        cgroups: cgroups(observed),
    }
}

fn is_runtime(process: &Process, place: &Place) -> bool {
    let is_config = |word: &String| place.spellings().any(|layout| Path::new(word) == layout.config());
    program(process) == Some("containerd") && process.words.iter().any(is_config)
}

fn is_shim(process: &Process, place: &Place) -> bool {
    let is_socket = |word: &String| place.spellings().any(|layout| Path::new(word) == layout.socket());
    let mut words = process.words.iter();
    program(process).is_some_and(|name| name.starts_with("containerd-shim"))
        && words.any(|word| word == "-address")
        && words.next().is_some_and(is_socket)
}

fn program(process: &Process) -> Option<&str> {
    Path::new(process.words.first()?).file_name()?.to_str()
}

fn add_descendants(found: &mut BTreeSet<u32>, processes: &[Process]) {
    loop {
        let count = found.len();
        let children = processes.iter().filter(|process| found.contains(&process.parent));
        let children: Vec<u32> = children.map(|process| process.id).collect();
        found.extend(children);
        if found.len() == count {
            return;
        }
    }
}

/// Mounts below what the node keeps. A disk that was mounted there for pintle is not pintle's.
fn mounts(mounts: &[PathBuf], place: &Place) -> Vec<PathBuf> {
    let containerd = place.containerd.folder();
    let root = place.containerd.root();
    let given = [place.agent.as_path(), containerd, &root];
    let ours = mounts
        .iter()
        .filter(|mount| mount.starts_with(&place.agent) && !given.contains(&mount.as_path()));
    ours.rev().cloned().collect()
}

/// The containers' cgroups and those above them, up to that of all pods.
fn cgroups(observed: &Observed) -> Vec<PathBuf> {
    let of_containers = observed
        .containers
        .iter()
        .flat_map(|container| &container.cgroups);
    let mut all: BTreeSet<PathBuf> = BTreeSet::new();
    for cgroup in of_containers {
        let names: Vec<&Path> = cgroup.ancestors().collect();
        let is_pods = |path: &&Path| path.file_name().is_some_and(|name| name == PODS_CGROUP);
        match names.iter().position(is_pods) {
            Some(last) => all.extend(names[..=last].iter().map(|path| path.to_path_buf())),
            None => {
                all.insert(cgroup.clone());
            }
        }
    }
    // In reverse order of their names what is below comes before what is above.
    all.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::super::observed::Container;
    use super::*;

    fn process(id: u32, parent: u32, line: &str) -> Process {
        Process {
            id,
            parent,
            words: line.split(' ').map(str::to_owned).collect(),
        }
    }

    fn place() -> Place {
        Place::of(Path::new("/link"), Path::new("/d"))
    }

    fn of(processes: Vec<Process>) -> Plan {
        let observed = Observed {
            processes,
            ..Observed::default()
        };
        plan(&observed, &place(), 99)
    }

    const SHIM: &str = "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id a -address";

    #[test]
    fn what_a_shim_of_ours_started_goes_with_it() {
        let plan = of(vec![
            process(1, 0, "init"),
            process(10, 1, "containerd --config /d/agent/containerd/config.toml"),
            process(11, 1, "containerd --config /link/agent/containerd/config.toml"),
            process(20, 1, &format!("{SHIM} /d/agent/containerd/containerd.sock")),
            process(30, 21, "sleep 1"),
            process(21, 20, "sh"),
            process(40, 1, &format!("{SHIM} /run/containerd/containerd.sock")),
            process(41, 40, "sh"),
            process(50, 1, "containerd"),
            process(60, 1, "vi /d/agent/containerd/config.toml"),
            process(70, 1, &format!("{SHIM} /d/agent/containerd/containerd.sock2")),
        ]);
        assert_eq!(plan.runtime, [10, 11]);
        assert_eq!(plan.containers, [20, 21, 30]);
    }

    #[test]
    fn mounts_below_the_agents_folder_go_the_last_first() {
        let mounts = [
            "/",
            "/d",
            "/d/agent",
            "/d/agent/containerd/root",
            "/d/agent/kubelet",
            "/d/agent/kubelet/pods/a",
            "/d/agentx",
            "/d/store",
            "/d/agent/containerd/state/a/rootfs",
        ];
        let observed = Observed {
            mounts: mounts.map(PathBuf::from).to_vec(),
            ..Observed::default()
        };
        let plan = plan(&observed, &place(), 99);
        let wanted = [
            "/d/agent/containerd/state/a/rootfs",
            "/d/agent/kubelet/pods/a",
            "/d/agent/kubelet",
        ];
        assert_eq!(plan.mounts, wanted.map(PathBuf::from));
    }

    #[test]
    fn cgroups_go_from_within_up_to_that_of_all_pods() {
        let container = |path: &str, processes: &[u32]| Container {
            cgroups: vec![PathBuf::from(path)],
            processes: processes.to_vec(),
        };
        let observed = Observed {
            containers: vec![
                container("/sys/fs/cgroup/memory/n/kubepods/burstable/pod1/c1", &[5, 99]),
                container("/sys/fs/cgroup/memory/n/kubepods/burstable/pod1/c2", &[6]),
                container("/sys/fs/cgroup/memory/elsewhere/c3", &[]),
            ],
            ..Observed::default()
        };
        let plan = plan(&observed, &place(), 99);
        let wanted = [
            "/sys/fs/cgroup/memory/n/kubepods/burstable/pod1/c2",
            "/sys/fs/cgroup/memory/n/kubepods/burstable/pod1/c1",
            "/sys/fs/cgroup/memory/n/kubepods/burstable/pod1",
            "/sys/fs/cgroup/memory/n/kubepods/burstable",
            "/sys/fs/cgroup/memory/n/kubepods",
            "/sys/fs/cgroup/memory/elsewhere/c3",
        ];
        assert_eq!(plan.cgroups, wanted.map(PathBuf::from));
        assert_eq!(plan.containers, [5, 6], "never itself");
    }
}
