//! A test that stands still says where before it is ended: which programs it waits for, and what they have logged.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The end of a log that is told.
const TOLD_BYTES: usize = 20_000;

/// Ends this process `after` so long, and tells what stood on the machine with that folder.
pub(crate) fn watch(machine: PathBuf, after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after);
        eprintln!(
            "the test stands still after {after:?}{}{}",
            programs(),
            logs(&machine)
        );
        std::process::exit(1);
    });
}

/// What runs in these namespaces: number, program, where it waits in the kernel.
fn programs() -> String {
    let mut said = String::from("\n--- what runs:\n");
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        let command = std::fs::read(process.path().join("cmdline"));
        let (Some(number), Ok(command)) = (name.to_str().and_then(|name| name.parse::<u32>().ok()), command)
        else {
            continue;
        };
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let waits = std::fs::read_to_string(process.path().join("wchan")).unwrap_or_default();
        let _ = writeln!(said, "{number} {command}({waits})");
    }
    said
}

/// The logs of the servers and workers below the folder, and of their pods.
fn logs(folder: &Path) -> String {
    let mut said = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type();
        if kind.is_ok_and(|kind| kind.is_dir()) {
            said += &logs(&path);
        } else if is_log(&path) {
            let log = std::fs::read(&path).unwrap_or_default();
            let end = &log[log.len().saturating_sub(TOLD_BYTES)..];
            let _ = writeln!(said, "--- {}:\n{}", path.display(), String::from_utf8_lossy(end));
        }
    }
    said
}

/// Servers and workers write into `log`, containers into files below `pods`; what is called so elsewhere is no text.
fn is_log(path: &Path) -> bool {
    path.ends_with("log")
        || (path.extension().is_some_and(|kind| kind == "log") && path.iter().any(|part| part == "pods"))
}
