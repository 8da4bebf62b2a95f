//! A machine of a test's own, in namespaces: its processes, mounts and network vanish with it.
//!
//! The test program starts itself again inside `unshare`, for just the one test. The network has no way out. When the
//! inner test program ends, the kernel ends every process it left; only cgroups must be swept from outside.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use tempfile::TempDir;

use crate::cgroups;
use crate::net::Lan;
use crate::watchdog;

/// Set inside: the folder of the machine.
const INSIDE: &str = "PINTLE_TEST_MACHINE";
/// Paths of sockets are short, so folders must be.
const FOLDER_PREFIX: &str = "pintle-m-";
/// After so long a test tells where it stands and ends.
const LIMIT: Duration = Duration::from_secs(400);
/// After that many seconds it is ended from outside.
const LAST_LIMIT_SECONDS: &str = "420";
/// Where every node of the real machine would keep things under the same names.
const PRIVATE: [&str; 5] = [
    "/run/netns",
    "/var/lib/cni",
    "/var/log/pods",
    "/var/log/containers",
    "/var/lib/kubelet",
];

/// A machine that is alone in the world.
pub struct Machine {
    folder: PathBuf,
    lan: Lan,
}

impl Machine {
    /// Runs `test` on a machine of its own. To be called by a test function with a closure and nothing else.
    pub fn run<F: FnOnce(&Self)>(test: F) {
        match std::env::var_os(INSIDE) {
            Some(folder) => Self::inside(folder.into(), test),
            None => outside(&test_name::<F>()),
        }
    }

    /// Runs `work` on a machine of its own, in a program that is no test: the program is started again with the same
    /// arguments, and must come here again. Says whether it succeeded; none inside.
    pub fn program(work: impl FnOnce(&Self)) -> Option<bool> {
        match std::env::var_os(INSIDE) {
            Some(folder) => {
                Self::inside(folder.into(), work);
                None
            }
            None => {
                let arguments = std::env::args_os().skip(1);
                let status = again(|inside| inside.args(arguments), Command::status);
                Some(status.success())
            }
        }
    }

    /// Whether this process is on such a machine.
    pub fn is_inside() -> bool {
        std::env::var_os(INSIDE).is_some()
    }

    fn inside(folder: PathBuf, work: impl FnOnce(&Self)) {
        prepare();
        watchdog::watch(folder.clone(), LIMIT);
        work(&Self {
            folder,
            lan: Lan::new(),
        });
    }

    /// A folder that goes with the machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The network between its nodes.
    pub fn lan(&self) -> &Lan {
        &self.lan
    }

    /// Under which cgroup, in every hierarchy, a node's pods are to be.
    pub fn cgroup(&self, node: &str) -> String {
        format!("/{}/{node}", cgroups::name(&self.folder))
    }
}

fn prepare() {
    for folder in PRIVATE {
        std::fs::create_dir_all(folder).expect("root can make folders");
        let flags = MsFlags::empty();
        mount(Some("tmpfs"), folder, Some("tmpfs"), flags, None::<&str>).expect("root can mount");
    }
}

/// The name by which the test program knows the test that `F` was written in.
fn test_name<F>() -> String {
    let path = std::any::type_name::<F>();
    let path = path.strip_suffix("::{{closure}}").unwrap_or(path);
    path.split_once("::").map_or(path, |(_, name)| name).to_owned()
}

fn outside(name: &str) {
    let output = again(
        |inside| inside.args(["--exact", name, "--nocapture", "--test-threads=1"]),
        Command::output,
    );
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "on the machine ({:?}):\n{text}",
        output.status
    );
}

/// Runs this program again, on a machine of its own, and sweeps up after it.
fn again<T>(
    with: impl FnOnce(&mut Command) -> &mut Command,
    run: impl FnOnce(&mut Command) -> std::io::Result<T>,
) -> T {
    assert!(
        nix::unistd::geteuid().is_root(),
        "machines with real containers need root"
    );
    let folder = TempDir::with_prefix(FOLDER_PREFIX).expect("a folder for the machine can be made");
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", LAST_LIMIT_SECONDS, "unshare"])
        .args(["--net", "--mount", "--uts", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc"])
        // Somebody must reap what containers leave; a shell does.
        .args(["--", "sh", "-c", "\"$@\"; exit $?", "sh"])
        .arg(std::env::current_exe().expect("a program knows its own path"))
        .env(INSIDE, folder.path());
    let result = run(with(&mut command)).expect("timeout, unshare and sh are there");
    cgroups::sweep(folder.path());
    result
}
