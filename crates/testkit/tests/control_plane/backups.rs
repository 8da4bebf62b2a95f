//! A cluster in a file: saved, looked at, restored elsewhere, by hand and by the clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use etcd_process::Etcd;
use meta::GroupVersion;
use serde_json::{Value, json};
use testkit::{Kubectl, S3Server, Server, ServerBuilder, binary, eventually};

fn pintle(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("KUBECONFIG");
    command
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// What a command that succeeds says.
fn say(command: &mut Command) -> String {
    let output = command.output().expect("the binary is built");
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}

/// What a command that fails complains of: its last line.
fn refuse(command: &mut Command) -> String {
    let output = command.output().expect("the binary is built");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {text}");
    text.trim().lines().last().unwrap_or_default().to_owned()
}

fn until(what: &str, state: impl Fn() -> bool) {
    eventually(what, Duration::from_secs(60), || state().then_some(()));
}

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// A file with a passphrase.
fn passphrase(server: &Server, name: &str) -> PathBuf {
    let file = server.folder().join(name);
    fs::write(&file, format!("{name}\n")).expect("written");
    file
}

fn save(server: &Server, name: &str, more: &[&str]) -> PathBuf {
    let file = server.folder().join(name);
    let data_dir = server.builder().data_dir();
    say(pintle(&["backup", "save", path(&file), "--data-dir", path(&data_dir)]).args(more));
    file
}

#[test]
fn a_cluster_comes_back_from_its_file_elsewhere() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "configmap", "kept", "--from-literal=a=b"]);
    kubectl.run(&[
        "create",
        "secret",
        "generic",
        "hidden",
        "--from-literal=word=sesame",
    ]);
    kubectl.run(&["create", "serviceaccount", "robot"]);
    let token = kubectl.run(&["create", "token", "robot"]);
    let node_token = fs::read(server.builder().data_dir().join("node-token")).expect("there");
    let version = |kubectl: &Kubectl| {
        let map = kubectl.json(&["get", "configmap", "kept"]);
        map["metadata"]["resourceVersion"]
            .as_str()
            .and_then(|text| text.parse::<u64>().ok())
            .expect("a number")
    };
    let (saved_version, admin) = (version(&kubectl), fs::read(server.kubeconfig()).expect("there"));
    let secret = passphrase(&server, "sesame");
    let file = save(&server, "b", &["--passphrase-file", path(&secret)]);
    kubectl.run(&["create", "configmap", "later"]);

    let checked = say(&mut pintle(&[
        "backup",
        "verify",
        path(&file),
        "--passphrase-file",
        path(&secret),
    ]));
    assert!(checked.contains("is whole"), "{checked}");
    let inside = say(&mut pintle(&[
        "backup",
        "inspect",
        path(&file),
        "--passphrase-file",
        path(&secret),
    ]));
    for word in [
        "pki/ca.key",
        "node-token",
        "configmaps",
        "encrypted:  yes",
        "kubernetes",
    ] {
        assert!(inside.contains(word), "{word:?} is not in {inside}");
    }
    let listed = say(&mut pintle(&["backup", "ls", path(server.folder())]));
    assert!(listed.contains("\nb ") && listed.contains("yes"), "{listed}");

    let other = ServerBuilder::control_plane();
    let data_dir = other.data_dir();
    let restore = [
        "restore",
        path(&file),
        "--passphrase-file",
        path(&secret),
        "--data-dir",
        path(&data_dir),
    ];
    say(&mut pintle(&restore));
    let restored = other.start();
    let kubectl = restored.kubectl();
    assert_eq!(kubectl.json(&["get", "configmap", "kept"])["data"]["a"], "b");
    assert_eq!(version(&kubectl), saved_version);
    assert_eq!(
        kubectl.json(&["get", "secret", "hidden"])["data"]["word"],
        "c2VzYW1l"
    );
    assert!(
        kubectl
            .refused(&["get", "configmap", "later"])
            .contains("not found")
    );
    assert_eq!(fs::read(data_dir.join("node-token")).expect("there"), node_token);

    // Nothing that was issued has to be issued anew.
    let new_port = fs::read_to_string(restored.kubeconfig()).expect("there");
    let address = |text: &str| {
        text.lines()
            .find(|line| line.contains("server:"))
            .expect("it has one")
            .to_owned()
    };
    let old = String::from_utf8(admin).expect("text");
    let moved = restored.folder().join("old-admin.conf");
    fs::write(&moved, old.replace(&address(&old), &address(&new_port))).expect("written");
    let old_admin = Kubectl::new(&moved, restored.folder());
    let who = old_admin.run(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(who, "kubernetes-admin");
    let who = kubectl.run(&[
        "--token",
        &token,
        "auth",
        "whoami",
        "-o",
        "jsonpath={.status.userInfo.username}",
    ]);
    // The administrator's certificate is sent too, and asked first.
    assert!(!who.is_empty());

    kubectl.run(&["create", "configmap", "new"]);
    let new = kubectl.json(&["get", "configmap", "new"])["metadata"]["resourceVersion"].clone();
    let new: u64 = new.as_str().and_then(|text| text.parse().ok()).expect("a number");
    assert!(new > saved_version + 1_000_000, "{new}");
}

#[test]
fn what_cannot_be_restored_changes_nothing() {
    let server = ServerBuilder::control_plane().start();
    let secret = passphrase(&server, "sesame");
    let wrong = passphrase(&server, "wrong");
    let sealed = save(&server, "sealed", &["--passphrase-file", path(&secret)]);
    let open = save(&server, "open", &[]);
    let target = server.folder().join("target/data");
    let restore = |file: &Path, more: &[&str]| {
        let mut command = pintle(&["restore", path(file), "--data-dir", path(&target)]);
        let said = refuse(command.args(more));
        let left = target.parent().and_then(|folder| fs::read_dir(folder).ok());
        assert_eq!(left.map_or(0, Iterator::count), 0, "{said}");
        said
    };
    assert!(restore(&sealed, &[]).contains("--passphrase-file"));
    assert!(restore(&sealed, &["--passphrase-file", path(&wrong)]).contains("is wrong"));
    let missing = server.folder().join("missing");
    assert!(restore(&missing, &[]).contains(path(&missing)));
    assert!(restore(&open, &["--passphrase-file", path(&missing)]).contains(path(&missing)));

    let bytes = fs::read(&open).expect("there");
    let damaged = server.folder().join("damaged");
    let with = |bytes: &[u8], says: &str| {
        fs::write(&damaged, bytes).expect("written");
        let said = restore(&damaged, &[]);
        assert!(said.contains(says) && said.contains(path(&damaged)), "{said}");
        let said = refuse(&mut pintle(&["backup", "verify", path(&damaged)]));
        assert!(said.contains(says), "{said}");
    };
    with(&bytes[..bytes.len() - 1], "is cut off");
    with(&bytes[..9], "is not a backup");
    with(b"hello", "is not a backup");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    with(&changed, "is damaged at byte");
    let mut later = bytes.clone();
    later[14] = 9;
    with(&later, "format 9");

    // A cluster that runs, one that is there, and another one.
    let data_dir = server.builder().data_dir();
    let onto = |data_dir: &Path, more: &[&str]| {
        refuse(pintle(&["restore", path(&open), "--data-dir", path(data_dir)]).args(more))
    };
    assert!(onto(&data_dir, &[]).contains("--force"));
    assert!(onto(&data_dir, &["--force"]).contains("in use"));
    let other = ServerBuilder::control_plane();
    let other_dir = other.data_dir();
    assert!(other.start().stop().success());
    assert!(onto(&other_dir, &["--force"]).contains("holds cluster"));
    assert!(onto(Path::new("/proc/nowhere"), &[]).contains("/proc/nowhere"));
    server.kubectl().run(&["get", "namespaces"]);

    let builder = server.builder();
    server.kubectl().run(&["create", "configmap", "later"]);
    assert!(server.stop().success());
    let said = say(&mut pintle(&[
        "restore",
        path(&open),
        "--data-dir",
        path(&data_dir),
        "--force",
    ]));
    let aside = said
        .lines()
        .find_map(|line| line.strip_prefix("what was there is in "))
        .expect("moved aside");
    assert!(Path::new(aside).join("pki/ca.key").exists());
    let server = builder.start();
    assert!(
        server
            .kubectl()
            .refused(&["get", "configmap", "later"])
            .contains("not found")
    );
}

#[test]
fn only_who_may_have_everything_gets_a_backup() {
    let server = ServerBuilder::control_plane().start();
    let data_dir = server.builder().data_dir();
    let alice = server.folder().join("alice.conf");
    say(&mut pintle(&[
        "kubeconfig",
        "--user",
        "alice",
        "--output",
        path(&alice),
        "--data-dir",
        path(&data_dir),
    ]));
    let file = server.folder().join("b");
    let save = ["backup", "save", path(&file), "--kubeconfig", path(&alice)];
    assert!(refuse(&mut pintle(&save)).contains("/pintle/v1/backup"));
    assert!(!file.exists() && !server.folder().join("b.partial").exists());
    server.kubectl().run(&[
        "create",
        "clusterrole",
        "saver",
        "--verb=get",
        "--non-resource-url=/pintle/v1/backup",
    ]);
    server.kubectl().run(&[
        "create",
        "clusterrolebinding",
        "saver",
        "--clusterrole=saver",
        "--user=alice",
    ]);
    until("alice may", || {
        pintle(&save).output().is_ok_and(|output| output.status.success())
    });
    let nowhere = ["backup", "save", "/proc/nowhere/b", "--data-dir", path(&data_dir)];
    assert!(refuse(&mut pintle(&nowhere)).contains("/proc/nowhere/b"));
    let builder = server.builder();
    assert!(server.stop().success());
    let data_dir = builder.data_dir();
    let save = ["backup", "save", path(&file), "--data-dir", path(&data_dir)];
    assert!(refuse(&mut pintle(&save)).contains("is it running"));
}

/// An object as upstream's servers lay it into etcd.
fn put(etcd: &Etcd, folder: &Path, key: &str, object: &Value) {
    let text = |name: &str| object[name].as_str().expect("it says what it is").to_owned();
    let version = GroupVersion::parse(&text("apiVersion")).expect("a version");
    let schema = schema::builtin(&version.kind(text("kind"))).expect("a known kind");
    let value = schema::protobuf::encode_protobuf(object, schema).expect("it has a form in protobuf");
    let file = folder.join("value");
    fs::write(&file, value).expect("written");
    let input = fs::File::open(&file).expect("there");
    say(etcd
        .ctl_command(&etcd.endpoints())
        .args(["put", key])
        .stdin(input));
}

#[test]
fn a_snapshot_of_etcd_becomes_a_cluster() {
    let etcd = Etcd::single();
    let builder = ServerBuilder::control_plane();
    let data_dir = builder.data_dir();
    let folder = data_dir.parent().expect("a folder");
    let namespace = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace", "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": "2026-01-01T00:00:00Z"}})
    };
    let metadata = |name: &str| {
        json!({"name": name, "namespace": "old", "uid": format!("uid-{name}"), "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"from": "etcd"}})
    };
    let map = |word: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("map"), "data": {"word": word}});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("web"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}});
    put(&etcd, folder, "/registry/namespaces/old", &namespace("old"));
    put(&etcd, folder, "/registry/configmaps/old/map", &map("first"));
    put(&etcd, folder, "/registry/configmaps/old/map", &map("second"));
    put(&etcd, folder, "/registry/configmaps/old/gone", &map("gone"));
    put(&etcd, folder, "/registry/deployments/old/web", &deployment);
    etcd.ctl(&["del", "/registry/configmaps/old/gone"]);
    let snapshot = folder.join("snapshot.db");
    etcd.ctl(&["snapshot", "save", path(&snapshot)]);

    say(&mut pintle(&[
        "restore",
        path(&snapshot),
        "--data-dir",
        path(&data_dir),
    ]));
    let server = builder.start();
    let kubectl = server.kubectl();
    assert_eq!(
        kubectl.json(&["get", "configmap", "map", "-n", "old"])["data"]["word"],
        "second"
    );
    assert!(
        kubectl
            .refused(&["get", "configmap", "gone", "-n", "old"])
            .contains("not found")
    );
    let web = kubectl.json(&["get", "deployment", "web", "-n", "old"]);
    assert_eq!(
        (&web["spec"]["replicas"], &web["metadata"]["uid"]),
        (&json!(2), &json!("uid-web"))
    );
    // The controllers go on with it.
    kubectl.run(&[
        "wait",
        "--for=jsonpath={.status.replicas}=2",
        "deployment/web",
        "-n",
        "old",
        "--timeout=60s",
    ]);
    kubectl.run(&["label", "configmap", "map", "-n", "old", "touched=yes"]);
}

#[test]
fn a_cluster_moves_into_an_etcd_and_back() {
    let server = ServerBuilder::control_plane().start();
    server
        .kubectl()
        .run(&["create", "configmap", "kept", "--from-literal=a=b"]);
    let file = save(&server, "b", &[]);

    let etcd = Etcd::single();
    let flags = etcd.pintle_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let on_etcd = ServerBuilder::control_plane().with(&flags);
    let data_dir = on_etcd.data_dir();
    let restore = ["restore", path(&file), "--data-dir", path(&data_dir)];
    say(pintle(&restore).args(&flags));
    let refused = refuse(pintle(&restore).args(&flags).arg("--force"));
    assert!(refused.contains("keys already"), "{refused}");
    let server = on_etcd.start();
    let kubectl = server.kubectl();
    assert_eq!(kubectl.json(&["get", "configmap", "kept"])["data"]["a"], "b");
    kubectl.run(&["create", "configmap", "made-on-etcd"]);
    kubectl.run(&["label", "configmap", "kept", "c=d"]);
    let history = say(&mut pintle(&[
        "history",
        "configmap/kept",
        "--data-dir",
        path(&data_dir),
    ]));
    assert!(history.contains("+ metadata.labels: {\"c\":\"d\"}"), "{history}");
    let file = save(&server, "again", &[]);

    let back = ServerBuilder::control_plane();
    let data_dir = back.data_dir();
    say(&mut pintle(&[
        "restore",
        path(&file),
        "--data-dir",
        path(&data_dir),
    ]));
    let server = back.start();
    server.kubectl().run(&["get", "configmap", "made-on-etcd"]);
    assert_eq!(
        server.kubectl().json(&["get", "configmap", "kept"])["metadata"]["labels"]["c"],
        "d"
    );
}

/// A command on a disk of that size, mounted where only it sees it.
fn on_small_disk(mount: &Path, size: &str, command: &Command) -> Command {
    let mut words = vec![binary().into_os_string()];
    words.extend(command.get_args().map(ToOwned::to_owned));
    let script = "mount -t tmpfs -o size=$0 none $1 && shift && \"$@\"; code=$?; test -z \"$(ls -A $M)\" || echo left: $(ls -A $M) >&2; exit $code";
    let mut small = Command::new("unshare");
    small
        .args(["--mount", "sh", "-c", script, size, path(mount)])
        .args(words);
    small.env("M", mount).env_remove("KUBECONFIG");
    small
}

#[test]
fn a_full_disk_is_told_and_nothing_is_left_on_it() {
    let server = ServerBuilder::control_plane().start();
    let file = save(&server, "b", &[]);
    let mount = server.folder().join("small");
    fs::create_dir(&mount).expect("made");
    let data_dir = server.builder().data_dir();
    let target = mount.join("b");
    let saving = pintle(&["backup", "save", path(&target), "--data-dir", path(&data_dir)]);
    let said = refuse(&mut on_small_disk(&mount, "8k", &saving));
    assert!(!said.contains("left:"), "{said}");
    assert!(
        said.contains(path(&target)) && said.contains("No space left"),
        "{said}"
    );
    let target = mount.join("data");
    let restoring = pintle(&["restore", path(&file), "--data-dir", path(&target)]);
    let said = refuse(&mut on_small_disk(&mount, "256k", &restoring));
    assert!(!said.contains("left:"), "{said}");
    assert!(
        said.contains(path(&target)) && said.to_lowercase().contains("no space left"),
        "{said}"
    );
}

#[test]
fn backups_are_made_by_the_clock_and_kept_in_a_bucket() {
    let s3 = S3Server::start();
    let builder = ServerBuilder::control_plane();
    let credentials = builder.data_dir().with_extension("credentials");
    let keys = format!(
        "aws_access_key_id={}\naws_secret_access_key={}\n",
        s3.access_key, s3.secret_key
    );
    fs::write(&credentials, keys).expect("written");
    let secret = builder.data_dir().with_extension("passphrase");
    fs::write(&secret, "sesame").expect("written");
    let bucket = [
        &format!("--backup-s3-endpoint={}", s3.endpoint),
        &format!("--backup-s3-credentials-file={}", credentials.display()),
    ];
    let bucket = bucket.map(String::as_str);
    let server = builder
        .with(&bucket)
        .with(&[
            "--backup-schedule=@every 1s",
            "--backup-retention=2",
            "--backup-s3-bucket=backups",
            "--backup-s3-prefix=of/pintle",
            &format!("--backup-passphrase-file={}", secret.display()),
        ])
        .start();
    let folder = server.builder().data_dir().join("backups");
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.retain(|name| name.ends_with(".backup"));
        names.sort();
        names
    };
    until("a backup is made", || !names().is_empty());
    let first = names().swap_remove(0);
    let in_bucket = || -> Vec<String> {
        let listed = say(pintle(&["backup", "ls", "s3://backups/of/pintle"]).args(bucket));
        let rows = listed
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next());
        rows.map(str::to_owned).collect()
    };
    until("the oldest goes here", || {
        !names().contains(&first) && names().len() == 2
    });
    until("the oldest goes there", || {
        in_bucket().first().is_some_and(|oldest| *oldest != first)
    });
    // It keeps the test's folder.
    let _stopped = server.builder();
    assert!(server.stop().success());

    let kept = in_bucket();
    assert!((2..=3).contains(&kept.len()), "{kept:?}");
    let address = format!("s3://backups/of/pintle/{}", kept[0]);
    let passphrase = ["--passphrase-file", path(&secret)];
    say(pintle(&["backup", "verify", &address])
        .args(bucket)
        .args(passphrase));
    let restored = ServerBuilder::control_plane();
    let data_dir = restored.data_dir();
    say(pintle(&["restore", &address, "--data-dir", path(&data_dir)])
        .args(bucket)
        .args(passphrase));
    restored
        .start()
        .kubectl()
        .run(&["get", "namespace", "kube-system"]);

    fs::write(&credentials, "aws_access_key_id=x\naws_secret_access_key=y\n").expect("written");
    let said = refuse(pintle(&["backup", "ls", "s3://backups/of/pintle"]).args(bucket));
    assert!(
        said.contains("s3://backups/of/pintle") && said.contains("403"),
        "{said}"
    );
}

#[test]
fn schedules_and_buckets_that_make_no_sense_are_told() {
    let with = |argument: &str| {
        let mut command = ServerBuilder::control_plane().command();
        let output = command.arg(argument).output().expect("the binary is built");
        (output.status.code(), text(&output))
    };
    let (code, said) = with("--backup-schedule=every noon");
    assert!(code == Some(2) && said.contains("--backup-schedule"), "{said}");
    let (code, said) = with("--backup-retention=0");
    assert!(code == Some(2) && said.contains("--backup-retention"), "{said}");
}
