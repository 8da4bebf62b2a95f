//! A machine that cannot be a node says why, and what to do.

use std::process::Command;

use testkit::{Machine, ServerBuilder};

const CONTAINERD: &str = "/usr/bin/containerd";

/// Puts another file in containerd's place; the machine has mounts of its own.
fn replace_containerd(by: &str) {
    let status = Command::new("mount").args(["--bind", by, CONTAINERD]).status();
    assert!(status.expect("mount is installed").success());
}

/// Starts the server, which must end by itself with exit code 1, and gives what it complained of.
fn refused(machine: &Machine) -> String {
    let builder = ServerBuilder::node(machine, "a");
    let output = builder
        .command()
        .output()
        .expect("the binary is built; make e2e does it");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[test]
fn a_machine_without_containerd_is_told_how_to_get_it() {
    Machine::run(|machine| {
        replace_containerd("/dev/null");
        let said = refused(machine);
        assert!(
            said.contains("pintle: containerd is not installed. Install it"),
            "{said}"
        );
    });
}

#[test]
fn a_containerd_that_does_not_run_is_quoted() {
    Machine::run(|machine| {
        replace_containerd("/bin/false");
        let said = refused(machine);
        assert!(said.contains("containerd ended right after its start"), "{said}");
    });
}
