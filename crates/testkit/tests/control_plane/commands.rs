//! The short commands: tokens, kubeconfigs, certificates, status, version, completion.

use std::path::Path;
use std::process::{Command, Output};

use testkit::{Kubectl, Server, ServerBuilder, binary};

fn call(arguments: &[&str], data_dir: &Path) -> Output {
    Command::new(binary())
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .env_remove("KUBECONFIG")
        .output()
        .expect("the binary is built")
}

/// What a command that succeeds prints.
fn say(arguments: &[&str], data_dir: &Path) -> String {
    let output = call(arguments, data_dir);
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{complaint}");
    text
}

/// What a command that fails complains of.
fn refuse(arguments: &[&str], data_dir: &Path) -> String {
    let output = call(arguments, data_dir);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn data_dir(server: &Server) -> std::path::PathBuf {
    server.builder().data_dir()
}

#[test]
fn tokens_come_and_go() {
    let server = ServerBuilder::control_plane().start();
    let data_dir = data_dir(&server);
    let own = say(&["token", "show"], &data_dir);
    assert!(own.starts_with("K10") && own.contains("::"), "{own}");

    let whole = say(
        &[
            "token",
            "create",
            "abcdef.0123456789abcdef",
            "--description",
            "attic",
        ],
        &data_dir,
    );
    assert!(whole.ends_with("::abcdef.0123456789abcdef"), "{whole}");
    let hash = |token: &str| token.split("::").next().expect("a hash").to_owned();
    assert_eq!(hash(&own), hash(&whole));
    let list = say(&["token", "list"], &data_dir);
    let row = list
        .lines()
        .find(|line| line.starts_with("abcdef."))
        .expect("listed");
    assert!(
        row.contains("authentication,signing") && row.contains("attic") && !list.contains("0123456789abcdef"),
        "{list}"
    );

    let command = say(
        &["token", "create", "--ttl", "1h", "--print-join-command"],
        &data_dir,
    );
    assert!(command.starts_with("pintle agent --server https://"), "{command}");

    say(&["token", "delete", "abcdef"], &data_dir);
    assert!(refuse(&["token", "delete", "abcdef"], &data_dir).contains("abcdef"));
    assert!(refuse(&["token", "create", "nonsense"], &data_dir).contains("nonsense"));
}

#[test]
fn users_get_kubeconfigs_of_their_own() {
    let server = ServerBuilder::control_plane().start();
    let file = server.folder().join("alice.conf");
    let output = file.to_str().expect("text");
    let issue = [
        "kubeconfig",
        "--user",
        "alice",
        "--group",
        "dev,ops",
        "--output",
        output,
    ];
    say(&issue, &data_dir(&server));
    let alice = Kubectl::new(&file, server.folder());
    let whoami = alice.json(&["auth", "whoami"]);
    assert_eq!(whoami["status"]["userInfo"]["username"], "alice");
    let groups = whoami["status"]["userInfo"]["groups"].to_string();
    assert!(groups.contains("dev") && groups.contains("ops"), "{groups}");
    assert!(alice.refused(&["get", "nodes"]).contains("alice"));

    let elsewhere = say(
        &["kubeconfig", "--server", "https://192.0.2.1:6443"],
        &data_dir(&server),
    );
    assert!(elsewhere.contains("https://192.0.2.1:6443") && elsewhere.contains("kubernetes-admin"));
}

#[test]
fn certificates_are_made_anew_when_the_server_is_away() {
    let server = ServerBuilder::control_plane().start();
    let builder = server.builder();
    let data_dir = builder.data_dir();
    let table = say(&["certificate", "check"], &data_dir);
    for name in ["apiserver ", "front-proxy-ca", "admin.conf"] {
        assert!(table.contains(name), "{table}");
    }
    assert!(refuse(&["certificate", "rotate"], &data_dir).contains("in use"));
    let before = std::fs::read(data_dir.join("pki/apiserver.crt")).expect("there");
    assert!(server.stop().success());
    say(&["certificate", "rotate"], &data_dir);
    let server = builder.start();
    assert_ne!(
        std::fs::read(data_dir.join("pki/apiserver.crt")).expect("there"),
        before
    );
    server.kubectl().run(&["get", "namespaces"]);
}

#[test]
fn the_status_tells_whether_the_cluster_is_well() {
    let server = ServerBuilder::control_plane().start();
    let data_dir = data_dir(&server);
    let builder = server.builder();
    let status = say(&["status"], &data_dir);
    assert!(
        status.contains(": ready") && status.contains("no nodes"),
        "{status}"
    );
    assert!(server.stop().success());
    assert!(refuse(&["status"], &data_dir).contains("is it running"));
    assert!(refuse(&["status"], &builder.data_dir().join("nothing")).contains("--data-dir"));
}

#[test]
fn shells_and_programs_are_served_too() {
    let output = Command::new(binary())
        .args(["version", "--output", "json"])
        .output();
    let output = output.expect("the binary is built");
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(version["kubernetes"]["minor"], "36");

    let folder = tempfile::tempdir().expect("a folder can be made");
    let script = folder.path().join("pintle.bash");
    let output = Command::new(binary())
        .args(["completion", "bash"])
        .output()
        .expect("the binary is built");
    std::fs::write(&script, output.stdout).expect("written");
    let complete = format!(
        "source {} && COMP_WORDS=(pintle kube-scheduler --leader-elect-l) && COMP_CWORD=2 && _pintle pintle \
         --leader-elect-l kube-scheduler && echo ${{COMPREPLY[@]}}",
        script.display()
    );
    let output = Command::new("bash")
        .args(["-c", &complete])
        .output()
        .expect("bash is there");
    let words = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert_eq!(
        words,
        "--leader-elect-lease-duration",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
