//! What is there: processes, mounts, and what runc knows of its containers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Place;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub processes: Vec<Process>,
    /// Where something is mounted, in the order in which it was.
    pub mounts: Vec<PathBuf>,
    pub containers: Vec<Container>,
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub id: u32,
    pub parent: u32,
    /// Its command line.
    pub words: Vec<String>,
}

/// A container as runc has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Container {
    /// Its cgroups, as folders.
    pub cgroups: Vec<PathBuf>,
    /// Who is in them.
    pub processes: Vec<u32>,
}

impl Observed {
    /// Looks at this machine.
    pub fn look(place: &Place) -> io::Result<Self> {
        Ok(Self {
            processes: processes(Path::new("/proc"))?,
            mounts: mounts(&std::fs::read("/proc/self/mountinfo")?),
            containers: containers(&place.containerd.runc()),
        })
    }
}

fn processes(proc: &Path) -> io::Result<Vec<Process>> {
    let folders = std::fs::read_dir(proc)?.flatten();
    let ids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    // One that has ended meanwhile is none.
    Ok(ids.filter_map(|id| process(proc, id)).collect())
}

fn process(proc: &Path, id: u32) -> Option<Process> {
    let folder = proc.join(id.to_string());
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    let words = std::fs::read(folder.join("cmdline")).ok()?;
    Some(Process {
        id,
        parent: parent(&stat)?,
        words: command_line(&words),
    })
}

/// The command line of a process that is there.
pub(super) fn words_of(id: u32) -> Option<Vec<String>> {
    process(Path::new("/proc"), id).map(|process| process.words)
}

/// `PID (NAME) STATE PARENT ...`; the name may hold anything.
fn parent(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

fn command_line(bytes: &[u8]) -> Vec<String> {
    let words = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let mut words: Vec<String> = words.map(|word| word.into_owned()).collect();
    // The last word ends with a zero too.
    words.pop();
    words
}

/// The fifth column of each line, with `\040` and the like read back.
fn mounts(mountinfo: &[u8]) -> Vec<PathBuf> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    let points = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points
        .map(|point| PathBuf::from(OsString::from_vec(unescape(point))))
        .collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| byte == b'\\');
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    bytes
}

/// runc keeps `<root>/<namespace>/<id>/state.json` while a container is there.
fn containers(runc: &Path) -> Vec<Container> {
    let namespaces = std::fs::read_dir(runc).into_iter().flatten().flatten();
    let folders = namespaces.flat_map(|namespace| {
        std::fs::read_dir(namespace.path())
            .into_iter()
            .flatten()
            .flatten()
    });
    let states = folders.filter_map(|folder| std::fs::read(folder.path().join("state.json")).ok());
    states.filter_map(|state| container(&state)).collect()
}

fn container(state: &[u8]) -> Option<Container> {
    let state: Value = serde_json::from_slice(state).ok()?;
    let paths: BTreeMap<String, PathBuf> = serde_json::from_value(state["cgroup_paths"].clone()).ok()?;
    let mut cgroups: Vec<PathBuf> = paths.into_values().filter(|path| path.is_dir()).collect();
    cgroups.sort();
    cgroups.dedup();
    let lists = cgroups
        .iter()
        .filter_map(|cgroup| std::fs::read_to_string(cgroup.join("cgroup.procs")).ok());
    let mut processes: Vec<u32> = lists
        .flat_map(|list| {
            list.lines()
                .filter_map(|line| line.parse().ok())
                .collect::<Vec<_>>()
        })
        // Processes of other namespaces are 0 here.
        .filter(|id| *id != 0)
        .collect();
    processes.sort_unstable();
    processes.dedup();
    Some(Container { cgroups, processes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_found_behind_any_name() {
        assert_eq!(parent("12 (a) S 1 12 12 0"), Some(1));
        assert_eq!(parent("12 (a) b) (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn command_lines_are_words() {
        assert_eq!(command_line(b"a\0b c\0\0"), ["a", "b c", ""]);
        assert!(command_line(b"").is_empty());
    }

    #[test]
    fn mount_points_are_read_back() {
        let text = b"1 2 0:3 / /a\\040b rw - tmpfs tmpfs rw\n4 2 0:3 / /c rw - tmpfs tmpfs rw\n";
        assert_eq!(mounts(text), [PathBuf::from("/a b"), PathBuf::from("/c")]);
        assert_eq!(unescape(br"\134\x\12"), br"\\x\12");
    }

    #[test]
    fn containers_are_what_runc_says() {
        let folder = tempfile::tempdir().expect("folder");
        let cgroup = folder.path().join("cgroup");
        std::fs::create_dir(&cgroup).expect("made");
        std::fs::write(cgroup.join("cgroup.procs"), "7\n0\n8\n").expect("written");
        let state = folder.path().join("runc/k8s.io/abc");
        std::fs::create_dir_all(&state).expect("made");
        let paths =
            serde_json::json!({"cgroup_paths": {"": cgroup, "memory": cgroup, "cpu": "/nonexistent"}});
        std::fs::write(state.join("state.json"), paths.to_string()).expect("written");
        let found = containers(&folder.path().join("runc"));
        assert_eq!(
            found,
            [Container {
                cgroups: vec![cgroup],
                processes: vec![7, 8]
            }]
        );
        assert!(containers(&folder.path().join("nothing")).is_empty());
    }

    #[test]
    fn this_process_is_seen() {
        let own = std::process::id();
        let all = processes(Path::new("/proc")).expect("read");
        assert!(all.iter().any(|process| process.id == own));
        assert_eq!(words_of(own), Some(std::env::args().collect()));
    }
}
