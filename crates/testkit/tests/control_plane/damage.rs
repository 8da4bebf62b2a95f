//! What lies damaged on the disk is found, told with its place, and never served; everything else is.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testkit::{Kubectl, ServerBuilder, binary};

fn store(builder: &ServerBuilder, action: &str) -> Output {
    let mut command = Command::new(binary());
    command
        .args(["store", action, "--data-dir"])
        .arg(builder.data_dir());
    command.output().expect("the binary is built")
}

/// Makes a ConfigMap whose value is to be damaged, and one whose is not.
fn make_values(kubectl: &Kubectl) {
    let value = "--from-literal=a=what is to be damaged";
    kubectl.run(&["create", "configmap", "damaged", value]);
    kubectl.run(&["create", "configmap", "sound", "--from-literal=a=1"]);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Changes a byte in the value of a key, which stands behind it; gives the file.
fn damage(folder: &Path, key: &str) -> PathBuf {
    for entry in std::fs::read_dir(folder).expect("the store is there") {
        let path = entry.expect("it can be listed").path();
        let mut file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("it can be opened");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("it can be read");
        let found = bytes
            .windows(key.len())
            .position(|window| window == key.as_bytes());
        if let Some(place) = found.map(|place| place + key.len() + 40) {
            file.seek(SeekFrom::Start(place as u64))
                .expect("it is within the file");
            file.write_all(&[bytes[place] ^ 1]).expect("it can be written");
            return path;
        }
    }
    panic!("{key} lies in no file of {folder:?}");
}

/// The key of the object that is damaged.
const DAMAGED: &str = "/registry/configmaps/default/damaged";

/// Objects that make the log so long that a checkpoint is written, about 45 MB as they are packed.
fn bulk() -> String {
    let filler = testkit::filler(960_000);
    (0..64)
        .map(|number| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bulk-{number}, namespace: kube-public}}\ndata: {{a: \"{number}{filler}\"}}\n---\n"
            )
        })
        .collect()
}

fn has_checkpoint(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).expect("the store is there").flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().ends_with(".checkpoint"))
}

#[test]
fn a_damaged_value_is_never_served_and_harms_no_other() {
    let server = ServerBuilder::control_plane().start();
    let (builder, kubectl) = (server.builder(), server.kubectl());
    make_values(&kubectl);
    kubectl.run_with(&["create", "-f", "-"], &bulk());
    let folder = builder.data_dir().join("store");
    let within = std::time::Duration::from_secs(60);
    testkit::eventually("there is a checkpoint", within, || {
        has_checkpoint(&folder).then_some(())
    });
    server.stop();
    damage(&folder, DAMAGED);
    assert_eq!(store(&builder, "verify").status.code(), Some(1));

    let server = builder.start();
    let kubectl = server.kubectl();
    for refused in [&["get", "configmap", "damaged"][..], &["get", "configmaps"]] {
        let said = kubectl.refused(refused);
        assert!(said.contains("corrupt at byte"), "{refused:?}: {said}");
    }
    assert_eq!(
        kubectl.run(&["get", "configmap", "sound", "-o", "jsonpath={.data.a}"]),
        "1"
    );
    kubectl.run(&["get", "configmaps", "-n", "kube-system"]);
    kubectl.run(&["get", "namespaces,serviceaccounts"]);
    kubectl.run(&["create", "configmap", "later", "--from-literal=a=2"]);
    let metrics = kubectl.run(&["get", "--raw", "/metrics"]);
    let mut lines = metrics.lines();
    assert!(
        lines.any(|line| line == "pintle_storage_unreadable_objects 1"),
        "it is counted"
    );
}

#[test]
fn damage_in_the_newest_log_keeps_a_store_closed() {
    let server = ServerBuilder::control_plane().start();
    let (builder, kubectl) = (server.builder(), server.kubectl());
    make_values(&kubectl);
    kubectl.run(&["create", "secret", "generic", "elsewhere", "--from-literal=a=1"]);
    let in_use = store(&builder, "verify");
    assert_eq!(in_use.status.code(), Some(1));
    assert!(
        text(&in_use.stderr).contains("in use"),
        "{}",
        text(&in_use.stderr)
    );
    server.stop();

    let sound = store(&builder, "verify");
    assert_eq!(sound.status.code(), Some(0), "{}", text(&sound.stdout));
    assert!(
        text(&sound.stdout).contains("is sound"),
        "{}",
        text(&sound.stdout)
    );
    let stat = text(&store(&builder, "stat").stdout);
    for line in ["revision:", "keys:", "segment bytes:", "garbage"] {
        assert!(stat.contains(line), "{line} is not in {stat}");
    }

    // Until there is a checkpoint, the log is read whole when the store is opened, and damage in it keeps it from opening.
    let folder = builder.data_dir().join("store");
    let file = damage(&folder, DAMAGED);
    let found = store(&builder, "verify");
    assert_eq!(found.status.code(), Some(1));
    let name = file.file_name().expect("it is a file").to_string_lossy();
    let said = text(&found.stdout);
    assert!(
        said.contains(&*name) && said.contains("corrupt at byte"),
        "{said}"
    );
    assert!(
        text(&found.stderr).contains("is damaged in"),
        "{}",
        text(&found.stderr)
    );
    let refused = builder.command().output().expect("the binary is built");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains(&*name),
        "{}",
        text(&refused.stderr)
    );
    let again = store(&builder, "verify");
    assert_eq!(
        again.stdout, found.stdout,
        "looking and trying to open change nothing"
    );
}

#[test]
fn a_store_of_a_newer_format_is_refused_and_left_alone() {
    let server = ServerBuilder::control_plane().start();
    let builder = server.builder();
    server.stop();
    let format = builder.data_dir().join("store/FORMAT");
    let newer = "pintle state store, format 999\nstore x\n";
    std::fs::write(&format, newer).expect("it can be written");
    let refused = builder.command().output().expect("the binary is built");
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("FORMAT") && said.contains("format 999"), "{said}");
    assert_eq!(std::fs::read_to_string(&format).expect("it is there"), newer);
    let verified = store(&builder, "verify");
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        text(&verified.stdout).contains("format 999"),
        "{}",
        text(&verified.stdout)
    );
}

#[test]
fn a_data_directory_that_is_not_there_is_not_made() {
    let builder = ServerBuilder::control_plane();
    for action in ["verify", "stat"] {
        let refused = store(&builder, action);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains("data"),
            "{}",
            text(&refused.stderr)
        );
        assert!(!builder.data_dir().exists());
    }
}
