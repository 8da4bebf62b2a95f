//! Tests that change the network run again as their own process, in namespaces that vanish with it.

use std::process::Command;

use nix::mount::{MsFlags, mount};

/// Set inside.
const INSIDE: &str = "PINTLE_TEST_LINUX";

/// Runs a test in namespaces of its own. `name` is the test's full name.
pub fn isolated(name: &str, test: impl AsyncFnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside(test);
    }
    let output = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "inside (tests of the network need root):\n{text}"
    );
}

fn inside(test: impl AsyncFnOnce()) {
    std::fs::create_dir_all("/run/netns").unwrap();
    let flags = MsFlags::empty();
    mount(Some("tmpfs"), "/run/netns", Some("tmpfs"), flags, None::<&str>).unwrap();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test());
}

pub async fn loopback_up() {
    let netlink = crate::Netlink::open().unwrap();
    let loopback = netlink.link("lo").await.unwrap().unwrap();
    netlink.set_up(loopback.index).await.unwrap();
}
