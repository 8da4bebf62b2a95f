//! Real file systems that are full, broken or read-only: writes fail and say why, `/readyz` tells, reads go on, nothing that
//! was acknowledged is lost, and when the disk is well again so is the server.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use testkit::{Kubectl, Machine, Server, ServerBuilder, binary, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the program is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are texts")
}

/// A control plane whose data directory is there already, for something to be mounted on.
fn prepare() -> ServerBuilder {
    run("ip", &["link", "set", "lo", "up"]);
    let builder = ServerBuilder::control_plane();
    std::fs::create_dir_all(builder.data_dir()).expect("a folder can be made");
    builder
}

fn mount_memory(at: &Path, size: &str) {
    std::fs::create_dir_all(at).expect("a folder can be made");
    run(
        "mount",
        &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", text(at)],
    );
}

/// Takes all the space that is left.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).expect("there is space");
    let block = vec![1; 64 << 10];
    while file.write_all(&block).is_ok() {}
    path
}

/// Creates objects until one is refused; gives the names of those that were acknowledged, and why the last was not.
fn write_until_refused(kubectl: &Kubectl, folder: &Path, prefix: &str) -> (Vec<String>, String) {
    let value = folder.join("value");
    std::fs::write(&value, testkit::filler(900_000)).expect("there is space elsewhere");
    let from_file = format!("--from-file=a={}", value.display());
    let mut written = Vec::new();
    for number in 0..200 {
        let name = format!("{prefix}-{number}");
        let output = kubectl.call(&["create", "configmap", &name, &from_file]);
        if output.code != 0 {
            return (written, output.stderr);
        }
        written.push(name);
    }
    panic!("the disk takes everything");
}

fn is_ready(kubectl: &Kubectl) -> Result<(), String> {
    let output = kubectl.call(&["get", "--raw", "/readyz"]);
    if output.code == 0 {
        Ok(())
    } else {
        Err(output.stderr)
    }
}

fn expect_all(kubectl: &Kubectl, names: &[String]) {
    let listed = kubectl.run(&["get", "configmaps", "-o", "name"]);
    for name in names {
        assert!(
            listed.lines().any(|line| line == format!("configmap/{name}")),
            "{name} was acknowledged"
        );
    }
}

/// Reads go on, and readiness says that the store is not well.
fn expect_reads_only(kubectl: &Kubectl) {
    assert_eq!(
        kubectl.run(&["get", "configmap", "before", "-o", "jsonpath={.data.a}"]),
        "1"
    );
    let said = is_ready(kubectl).expect_err("it is not ready");
    assert!(said.contains("[-]etcd failed"), "{said}");
}

fn start_with_one(builder: &ServerBuilder) -> (Server, Kubectl) {
    let server = builder.start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "configmap", "before", "--from-literal=a=1"]);
    (server, kubectl)
}

fn full(machine: &Machine) {
    let builder = prepare();
    let data = builder.data_dir();
    mount_memory(&data, "100m");
    let (server, kubectl) = start_with_one(&builder);
    let filler = fill(&data);
    let (mut written, why) = write_until_refused(&kubectl, machine.folder(), "full");
    assert!(why.contains("no space left for the state store"), "{why}");
    expect_reads_only(&kubectl);

    std::fs::remove_file(filler).expect("it is there");
    eventually("it is ready again", PATIENCE, || is_ready(&kubectl).ok());
    kubectl.run(&["create", "configmap", "after", "--from-literal=a=1"]);
    written.extend(["before".to_owned(), "after".to_owned()]);
    expect_all(&kubectl, &written);
    server.kill();
    let server = builder.start();
    expect_all(&server.kubectl(), &written);
}

/// ext4 in a file on a tmpfs of that size.
fn mount_loop(machine: &Machine, at: &Path, backing: &str) -> (PathBuf, PathBuf) {
    let folder = machine.folder().join("backing");
    mount_memory(&folder, backing);
    let image = folder.join("image");
    File::create(&image)
        .and_then(|file| file.set_len(600 << 20))
        .expect("it may have holes");
    run(
        "mkfs.ext4",
        &["-q", "-F", "-E", "lazy_itable_init=1,nodiscard", text(&image)],
    );
    run("mount", &["-o", "loop,errors=remount-ro", text(&image), text(at)]);
    (folder, image)
}

/// Brings a file system that has failed back, as an administrator does.
fn repair(image: &Path, at: &Path) {
    run("umount", &[text(at)]);
    // It says with its exit code that it has repaired something.
    let checked = Command::new("e2fsck").args(["-f", "-y"]).arg(image).output();
    let code = checked.expect("e2fsck is there").status.code();
    assert!(code.is_some_and(|code| code < 4), "e2fsck ends with {code:?}");
    run("mount", &["-o", "loop", text(image), text(at)]);
}

fn broken(machine: &Machine) {
    let builder = prepare();
    let data = builder.data_dir();
    let (backing, image) = mount_loop(machine, &data, "160m");
    let (server, kubectl) = start_with_one(&builder);
    // The file system believes that there is space; the disk below it has none, and says that writes fail.
    let filler = fill(&backing);
    let (mut written, why) = write_until_refused(&kubectl, machine.folder(), "broken");
    // As an error of the disk, or as what the file system makes of it.
    let causes = [
        "Input/output error",
        "No space left",
        "no space left",
        "read-only",
    ];
    assert!(causes.iter().any(|cause| why.contains(cause)), "{why}");
    expect_reads_only(&kubectl);
    server.kill();

    std::fs::remove_file(filler).expect("it is there");
    repair(&image, &data);
    let server = builder.start();
    written.push("before".to_owned());
    expect_all(&server.kubectl(), &written);
    server
        .kubectl()
        .run(&["create", "configmap", "after", "--from-literal=a=1"]);
    is_ready(&server.kubectl()).expect("it is well");
    server.stop();
    run("umount", &[text(&data)]);
}

fn read_only(machine: &Machine) {
    let builder = prepare();
    let data = builder.data_dir();
    let (_, image) = mount_loop(machine, &data, "300m");
    let (server, kubectl) = start_with_one(&builder);
    let device = Command::new("findmnt")
        .args(["-n", "-o", "SOURCE"])
        .arg(&data)
        .output();
    let device = device.expect("findmnt is there").stdout;
    let device = String::from_utf8_lossy(&device)
        .trim()
        .trim_start_matches("/dev/")
        .to_owned();
    // As after an error of its own, the file system takes no more writes.
    std::fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "by a test").expect("root may do so");
    let (mut written, why) = write_until_refused(&kubectl, machine.folder(), "read-only");
    assert!(
        why.contains("the file system of the state store is read-only"),
        "{why}"
    );
    expect_reads_only(&kubectl);
    server.kill();

    repair(&image, &data);
    let server = builder.start();
    written.push("before".to_owned());
    expect_all(&server.kubectl(), &written);
    server.stop();
    run("umount", &[text(&data)]);
}

fn pintle(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("KUBECONFIG");
    command.output().expect("the binary is built")
}

/// What a command that succeeds says.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// A backup of a cluster with one object.
fn saved(machine: &Machine) -> PathBuf {
    let from = prepare();
    let (server, kubectl) = start_with_one(&from);
    let file = machine.folder().join("saved");
    let of_source = from.data_dir();
    said(&pintle(&[
        "backup",
        "save",
        text(&file),
        "--data-dir",
        text(&of_source),
    ]));
    kubectl.run(&["create", "configmap", "later"]);
    server.stop();
    file
}

/// A data directory that is a file system of its own, with what such a one has in it from the beginning.
fn mounted(machine: &Machine) {
    let file = saved(machine);
    let builder = prepare();
    let data = builder.data_dir();
    mount_loop(machine, &data, "300m");
    let restore = ["restore", text(&file), "--data-dir", text(&data)];
    said(&pintle(&restore));
    let server = builder.start();
    server.kubectl().run(&["get", "configmap", "before"]);
    server.kubectl().run(&["create", "configmap", "lost-again"]);
    server.stop();

    let again = pintle(&restore);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    let told = said(&pintle(&[&restore[..], &["--force"]].concat()));
    let kept = format!("what was there is in {}/before-restore-", data.display());
    assert!(told.contains(&kept), "{told}");
    let server = builder.start();
    server.kubectl().run(&["get", "configmap", "before"]);
    server.kubectl().refused(&["get", "configmap", "lost-again"]);
    server.stop();
    run("umount", &[text(&data)]);
}

/// A restore into a file system of its own is not one step. When it is killed in between, a mark stays, with which nothing starts,
/// until another restore is finished.
fn half_restored(machine: &Machine) {
    let file = saved(machine);
    let builder = prepare();
    let data = builder.data_dir();
    mount_loop(machine, &data, "300m");
    let mark = data.join("restore-unfinished");
    let restore = ["restore", text(&file), "--data-dir", text(&data)];
    let forced = [&restore[..], &["--force"]].concat();
    // Which of the two is faster is chance.
    let killed = (0..50).any(|_| killed_in_between(&forced, &mark));
    assert!(killed, "a restore is always finished before it can be killed");

    let mut command = builder.command();
    let refused = command.output().expect("the binary is built");
    let why = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{why}");
    assert!(why.contains("half restored") && why.contains("--force"), "{why}");
    assert_eq!(
        pintle(&restore).status.code(),
        Some(1),
        "what is there may be wanted back"
    );
    assert!(mark.exists(), "nothing was changed");

    said(&pintle(&forced));
    assert!(!mark.exists(), "it is finished");
    let server = builder.start();
    server.kubectl().run(&["get", "configmap", "before"]);
    server.kubectl().refused(&["get", "configmap", "later"]);
    server.stop();
    run("umount", &[text(&data)]);
}

/// Kills a restore as soon as it has left its mark; whether that was before it took the mark away.
fn killed_in_between(restore: &[&str], mark: &Path) -> bool {
    let mut command = Command::new(binary());
    command.args(restore).env_remove("KUBECONFIG");
    let mut restoring = command.spawn().expect("the binary is built");
    while restoring.try_wait().expect("it is a child").is_none() {
        // The mark is there for a moment only, too short for being told of it.
        if mark.exists() {
            restoring.kill().expect("it is a child");
            break;
        }
    }
    restoring.wait().expect("it is a child");
    mark.exists()
}

#[test]
fn a_restore_that_was_killed_is_known_as_such() {
    Machine::run(|machine| {
        half_restored(machine);
    });
}

#[test]
fn a_backup_is_restored_into_a_file_system_of_its_own() {
    Machine::run(|machine| {
        mounted(machine);
    });
}

#[test]
fn a_full_disk_stops_writes_only_and_not_for_good() {
    Machine::run(|machine| {
        full(machine);
    });
}

#[test]
fn a_disk_that_fails_loses_nothing_acknowledged() {
    Machine::run(|machine| {
        broken(machine);
    });
}

#[test]
fn a_read_only_file_system_stops_writes_only() {
    Machine::run(|machine| {
        read_only(machine);
    });
}
