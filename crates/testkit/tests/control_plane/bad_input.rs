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
