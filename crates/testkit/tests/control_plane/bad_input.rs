//! What is wrong is said in one clear line, and nothing is left half made.

use std::process::Command;

use testkit::{ServerBuilder, binary};

fn check(command: &mut Command, code: i32, says: &[&str]) {
    let output = command.output().expect("the binary is built");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in says {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[test]
fn unknown_flags_exit_with_2() {
    check(
        Command::new(binary()).args(["server", "--nonsense"]),
        2,
        &["--nonsense"],
    );
}

#[test]
fn flags_of_components_are_refused_as_upstream_does() {
    for component in [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
    ] {
        let refused =
            |flag: &str, says: &str| check(Command::new(binary()).args([component, flag]), 2, &[says]);
        refused("--nonsense", "unknown flag: --nonsense");
        refused("--v=x", "invalid argument");
        refused("word", "does not take any arguments");
    }
    for (argument, says) in [
        (
            "--kube-apiserver-arg=etcd-servers-overrides=/events#https://127.0.0.1:2379",
            "--etcd-servers-overrides of kube-apiserver is not served",
        ),
        (
            "--kube-controller-manager-arg=nonsense=1",
            "unknown flag: --nonsense",
        ),
        (
            "--kubelet-arg=protect-kernel-defaults=true",
            "--protect-kernel-defaults of kubelet is not served",
        ),
    ] {
        check(Command::new(binary()).args(["server", argument]), 2, &[says]);
    }
    check(
        Command::new(binary()).args(["kube-scheduler", "--leader-elect-lease-duration=1s"]),
        2,
        &["leaseDuration must be greater than renewDeadline"],
    );
}

#[test]
fn components_without_a_way_to_the_api_say_so() {
    for component in ["kube-controller-manager", "kube-scheduler"] {
        check(Command::new(binary()).arg(component), 1, &["--kubeconfig"]);
        let mut command = Command::new(binary());
        check(
            command.args([component, "--kubeconfig=/nonexistent"]),
            1,
            &["/nonexistent"],
        );
    }
}

#[test]
fn malformed_configuration_files_exit_with_2() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "a: [").expect("a file can be written");
    check(
        Command::new(binary()).arg("server").arg("--config").arg(&file),
        2,
        &["config.yaml"],
    );
    std::fs::write(&file, "nonsense: 1").expect("a file can be written");
    check(
        Command::new(binary()).arg("server").arg("--config").arg(&file),
        2,
        &["--nonsense"],
    );
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let builder = ServerBuilder::control_plane().with(&["--https-listen-port", &port]);
    check(&mut builder.command(), 1, &[&port, "--https-listen-port"]);
    assert!(!builder.data_dir().exists(), "nothing is left half made");
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let server = ServerBuilder::control_plane().start();
    check(&mut server.builder().command(), 1, &["data"]);
}

#[test]
fn a_data_directory_that_is_no_directory_is_refused() {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let builder = ServerBuilder::control_plane();
    let mut command = builder.command();
    check(
        command.arg("--data-dir").arg(file.path()),
        1,
        &["data directory", "--data-dir"],
    );
}

#[test]
fn a_data_directory_that_cannot_be_made_is_refused() {
    let mut command = ServerBuilder::control_plane().command();
    // Nobody makes folders there, not even root.
    command.args(["--data-dir", "/proc/pintle"]);
    check(
        &mut command,
        1,
        &["data directory /proc/pintle", "make it writable"],
    );
}

#[test]
fn files_that_flags_name_are_read_or_named() {
    let flag = "--kube-apiserver-arg=client-ca-file=/nonexistent";
    check(
        &mut ServerBuilder::control_plane().with(&[flag]).command(),
        1,
        &["/nonexistent"],
    );
    let flag = "--kube-apiserver-arg=tls-cert-file=/nonexistent";
    check(
        &mut ServerBuilder::control_plane().with(&[flag]).command(),
        1,
        &["given alone"],
    );
    let flag = "--kube-apiserver-arg=enable-admission-plugins=ImagePolicyWebhook";
    check(
        &mut ServerBuilder::control_plane().with(&[flag]).command(),
        1,
        &["ImagePolicyWebhook"],
    );
}

#[test]
fn the_environment_and_the_file_are_read() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "kubelet-arg: [nonsense=1]\n").expect("a file can be written");
    let mut command = ServerBuilder::control_plane().command();
    check(
        command.env("PINTLE_CONFIG", &file),
        2,
        &["unknown flag: --nonsense"],
    );
    let mut command = ServerBuilder::control_plane().command();
    check(command.env("PINTLE_SERVICE_CIDR", "x"), 2, &["--service-cidr"]);
}
