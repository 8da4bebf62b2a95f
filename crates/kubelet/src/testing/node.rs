//! A machine of a test's own, in namespaces: processes, mounts and network that vanish with it.
//!
//! The test program starts itself again inside `unshare`, for just the one test. The network has no way out, and when
//! the inner test program ends, the kernel ends every process it left. Only cgroups must be swept from outside.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};

use super::busybox::write_busybox_image;
use crate::containerd::{Containerd, ContainerdLayout, ContainerdSettings, Machine};
use crate::image::{PAUSE_IMAGE, import::ImageImporter, write_pause_image};

/// Set inside: the folder of the test.
const INSIDE: &str = "PINTLE_TEST_NODE";

/// Folders are short, because paths of sockets must be.
const FOLDER_PREFIX: &str = "pintle-node-";

pub struct Node {
    folder: PathBuf,
}

impl Node {
    /// Runs a test on a machine of its own. `name` is the test's full name.
    pub fn run(name: &str, test: impl AsyncFnOnce(&Node)) {
        match std::env::var_os(INSIDE) {
            Some(folder) => Self::inside(PathBuf::from(folder), test),
            None => Self::outside(name),
        }
    }

    fn outside(name: &str) {
        assert!(
            nix::unistd::geteuid().is_root(),
            "tests with real containers need root"
        );
        let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir().unwrap();
        let output = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--uts",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--",
            ])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(INSIDE, folder.path())
            .output()
            .expect("unshare runs");
        sweep_cgroups(folder.path());
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "inside:\n{text}"
        );
    }

    fn inside(folder: PathBuf, test: impl AsyncFnOnce(&Node)) {
        let node = Node { folder };
        node.prepare();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(test(&node));
    }

    fn prepare(&self) {
        run("ip", &["link", "set", "lo", "up"]);
        // libcni keeps its cache where every containerd of the machine would share it.
        let cache = Path::new("/var/lib/cni");
        std::fs::create_dir_all(cache).unwrap();
        mount(
            Some("tmpfs"),
            cache,
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .unwrap();
        std::fs::create_dir_all(self.cni_conf_dir()).unwrap();
        std::fs::write(self.cni_conf_dir().join("10-test.conflist"), self.network()).unwrap();
    }

    /// A network of a bridge with addresses, of the usual plugins.
    fn network(&self) -> String {
        serde_json::json!({
            "cniVersion": "1.0.0",
            "name": "test",
            "plugins": [{
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipMasq": false,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": self.path("ipam"),
                    "ranges": [[{ "subnet": "10.88.0.0/24" }]],
                },
            }, { "type": "portmap", "capabilities": { "portMappings": true } }],
        })
        .to_string()
    }

    fn cni_conf_dir(&self) -> PathBuf {
        self.path("cni")
    }

    /// A path in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn containerd_settings(&self) -> ContainerdSettings {
        ContainerdSettings {
            layout: ContainerdLayout::new(self.path("c")),
            sandbox_image: PAUSE_IMAGE.to_owned(),
            cni_bin_dir: "/usr/lib/cni".into(),
            cni_conf_dir: self.cni_conf_dir(),
        }
    }

    pub fn machine(&self) -> Machine {
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        Machine::inspect(&search_path, &self.folder).expect("containerd and runc are installed")
    }

    /// A containerd with the pause image and busybox.
    pub async fn start_containerd(&self) -> Containerd {
        let containerd = Containerd::start(self.containerd_settings(), self.machine())
            .await
            .unwrap();
        let importer = ImageImporter {
            ctr: containerd.machine().ctr.clone(),
            socket: containerd.socket(),
            snapshotter: Some(containerd.machine().snapshotter.to_owned()),
        };
        let archive = self.path("image.tar");
        write_pause_image(&archive).unwrap();
        assert_eq!(importer.import(&archive).await.unwrap(), [PAUSE_IMAGE]);
        write_busybox_image(&archive);
        importer.import(&archive).await.unwrap();
        containerd
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

/// Where the cgroups of this test are, as a path in every hierarchy.
pub fn cgroup_parent() -> String {
    let folder = std::env::var_os(INSIDE).map(PathBuf::from).unwrap_or_default();
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    format!("/{name}/kubepods")
}

/// Removes the cgroups of a test that has ended, in every hierarchy, deepest first.
fn sweep_cgroups(folder: &Path) {
    let Some(name) = folder.file_name() else { return };
    let Ok(hierarchies) = std::fs::read_dir("/sys/fs/cgroup") else {
        return;
    };
    let candidates = hierarchies.flatten().map(|entry| entry.path().join(name));
    for group in candidates.chain([Path::new("/sys/fs/cgroup").join(name)]) {
        remove_cgroup(&group);
    }
}

fn remove_cgroup(group: &Path) {
    let Ok(entries) = std::fs::read_dir(group) else {
        return;
    };
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
    {
        remove_cgroup(&entry.path());
    }
    // Fails while the kernel still counts a process that was just killed; the next run has another name.
    let _ = std::fs::remove_dir(group);
}
