//! `pintle killall` with stand-ins for containerd's processes: what is of the data directory goes, its neighbours stay.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use testkit::{Machine, binary, eventually};

/// A process named like a shim, with a child, both for long.
fn shim(folder: &Path, socket: &Path) -> Child {
    let program = folder.join("containerd-shim-runc-v2");
    if !program.exists() {
        symlink("/bin/sh", &program).expect("a link can be made");
    }
    Command::new(program)
        .args([
            "-c",
            "sleep 1001 & wait",
            "shim",
            "-namespace",
            "k8s.io",
            "-id",
            "a",
            "-address",
        ])
        .arg(socket)
        .spawn()
        .expect("a shell is there")
}

fn mount_at(path: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&path).expect("root can make folders");
    mount(
        Some("tmpfs"),
        &path,
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .expect("root can mount");
    path
}

fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("read");
    mounts.lines().any(|line| line.split(' ').nth(4) == path.to_str())
}

/// A cgroup of the machine's own, in the hierarchy that every kernel here has.
fn cgroup(machine: &Machine, path: &str) -> PathBuf {
    let hierarchies = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"];
    let hierarchy = hierarchies
        .into_iter()
        .find(|path| Path::new(path).join("cgroup.procs").exists());
    let hierarchy = hierarchy.expect("a hierarchy is mounted");
    let folder = format!("{hierarchy}{}/{path}", machine.cgroup("a"));
    std::fs::create_dir_all(&folder).expect("root can make cgroups");
    folder.into()
}

fn call(data_dir: &Path, more: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.arg("killall").arg("--data-dir").arg(data_dir).args(more);
    let output = command.output().expect("the binary is built");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn what_is_of_the_data_directory_goes_and_its_neighbours_stay() {
    Machine::run(|machine| {
        let data_dir = machine.folder().join("d");
        let agent = data_dir.join("agent");
        let mut ours = shim(machine.folder(), &agent.join("containerd/containerd.sock"));
        let mut other = shim(machine.folder(), Path::new("/run/containerd/containerd.sock"));
        let inner = mount_at(agent.join("kubelet/pods/a/volumes"));
        let neighbour = mount_at(data_dir.join("store"));

        // A container whose shim has gone.
        let mut orphan = Command::new("sleep").arg("1002").spawn().expect("sleep is there");
        let group = cgroup(machine, "kubepods/pod1/c1");
        std::fs::write(group.join("cgroup.procs"), orphan.id().to_string()).expect("moved");
        let state = agent.join("containerd/runc/k8s.io/c1");
        std::fs::create_dir_all(&state).expect("made");
        let text = serde_json::json!({"cgroup_paths": {"pids": group}}).to_string();
        std::fs::write(state.join("state.json"), text).expect("written");

        let told = call(&data_dir, &["--dry-run"]);
        assert!(told.contains(&format!("unmount {}", inner.display())), "{told}");
        assert!(told.contains(&format!("end process {}", ours.id())), "{told}");
        assert!(
            is_mounted(&inner) && ours.try_wait().expect("asked").is_none(),
            "nothing is done yet"
        );

        let told = call(&data_dir, &[]);
        assert!(told.contains("3 processes of containers, 1 mounts"), "{told}");
        eventually("the end of ours", Duration::from_secs(10), || {
            ours.try_wait().expect("asked")
        });
        eventually("the end of the orphan", Duration::from_secs(10), || {
            orphan.try_wait().expect("asked")
        });
        assert!(!is_mounted(&inner) && is_mounted(&neighbour));
        assert!(!group.exists() && !group.ancestors().nth(2).expect("kubepods").exists());
        assert!(group.ancestors().nth(3).expect("the node's").exists());
        assert!(
            other.try_wait().expect("asked").is_none(),
            "the neighbour's shim runs"
        );
        let _ = other.kill();

        // Again: nothing is left, and that is no error.
        assert!(call(&data_dir, &[]).contains("0 processes of containers, 0 mounts, 0 cgroups"));
    });
}

#[test]
fn a_server_that_holds_the_data_directory_ends_first() {
    Machine::run(|machine| {
        let data_dir = machine.folder().join("d");
        let mut server = Command::new(binary());
        server.args([
            "server",
            "--disable-agent",
            "--bind-address=127.0.0.1",
            "--https-listen-port=0",
        ]);
        let mut server = server
            .arg("--data-dir")
            .arg(&data_dir)
            .spawn()
            .expect("the binary is built");
        let has_started = || data_dir.join("node-token").exists().then_some(());
        eventually("a server", Duration::from_secs(30), has_started);
        call(&data_dir, &[]);
        let status = eventually("its end", Duration::from_secs(30), || {
            server.try_wait().expect("asked")
        });
        assert!(status.success(), "it was asked to end: {status}");
        assert!(data_dir.join("store").exists(), "what is on the disk stays");
    });
}

/// A command of the machine's tools.
fn tool(line: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", line])
        .output()
        .expect("a shell is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{line}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn the_pods_network_goes_if_the_data_directory_had_one() {
    Machine::run(|machine| {
        tool("ip link add pintle0 type bridge && ip link add other0 type bridge");
        tool("ip link add pv0123456789ab type veth peer name eth9");
        tool("nft add table ip pintle-network && nft add table ip other");
        let data_dir = machine.folder().join("d");
        std::fs::create_dir_all(&data_dir).expect("made");
        call(&data_dir, &[]);
        assert!(
            tool("ip -o link").contains("pintle0"),
            "another data directory's network stays"
        );

        std::fs::create_dir_all(data_dir.join("agent/network")).expect("made");
        call(&data_dir, &[]);
        let links = tool("ip -o link");
        assert!(
            !links.contains("pintle0") && !links.contains("pv0123456789ab"),
            "{links}"
        );
        assert!(links.contains("other0"), "{links}");
        let tables = tool("nft list tables");
        assert!(!tables.contains("pintle") && tables.contains("other"), "{tables}");
    });
}
