//! The real etcdctl at our API.

mod common;

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use common::{Ours, RealEtcd, SOON, etcdctl, etcdctl_command};
use serde_json::Value;
use store::MemoryStore;
use store_embedded::{EmbeddedStore, Options};
use tokio::io::{AsyncBufReadExt, BufReader};

async fn fresh() -> Ours {
    Ours::start(Arc::new(MemoryStore::new())).await
}

async fn json(ours: &Ours, arguments: &[&str]) -> Value {
    let text = ours.ctl(&[arguments, &["-w", "json"]].concat()).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_put_got_and_deleted() {
    let ours = fresh().await;
    for (key, value) in [("a/1", "one"), ("a/2", "two"), ("a/3", "three"), ("b", "other")] {
        assert_eq!(ours.ctl(&["put", key, value]).await, "OK\n");
    }
    assert_eq!(
        ours.ctl(&["put", "a/2", "zwei", "--prev-kv"]).await,
        "OK\na/2\ntwo\n"
    );
    let cases: &[(&[&str], &str)] = &[
        (&["get", "a/1"], "a/1\none\n"),
        (&["get", "a/1", "--print-value-only"], "one\n"),
        (&["get", "a/", "--prefix", "--keys-only"], "a/1\n\na/2\n\na/3\n\n"),
        (&["get", "a/", "--prefix", "--limit=1"], "a/1\none\n"),
        (&["get", "a/2", "b"], "a/2\nzwei\na/3\nthree\n"),
        (&["get", "a/3", "--from-key"], "a/3\nthree\nb\nother\n"),
        (&["get", "", "--from-key", "--limit=1"], "a/1\none\n"),
        (
            &[
                "get",
                "a/",
                "--prefix",
                "--order=DESCEND",
                "--sort-by=KEY",
                "--limit=2",
            ],
            "a/3\nthree\na/2\nzwei\n",
        ),
        (
            &[
                "get",
                "a/",
                "--prefix",
                "--sort-by=VALUE",
                "--order=ASCEND",
                "--print-value-only",
            ],
            "one\nthree\nzwei\n",
        ),
        (
            &[
                "get",
                "a/",
                "--prefix",
                "--sort-by=MODIFY",
                "--order=DESCEND",
                "--limit=1",
            ],
            "a/2\nzwei\n",
        ),
        (&["get", "a/2", "--rev=3"], "a/2\ntwo\n"),
        (&["get", "a/2", "--consistency=s"], "a/2\nzwei\n"),
        (&["get", "nothing"], ""),
        (&["del", "a/1", "--prev-kv"], "1\na/1\none\n"),
        (&["del", "a/1"], "0\n"),
        (&["del", "a/", "--prefix"], "2\n"),
        (&["put", "c", "--ignore-lease", "x"], "refused"),
        (&["get", "", "--prefix", "--keys-only"], "b\n\n"),
    ];
    for (arguments, expected) in cases {
        if *expected == "refused" {
            let error = ours.refused(arguments).await;
            assert!(error.contains("etcdserver: key not found"), "{error}");
        } else {
            assert_eq!(ours.ctl(arguments).await, *expected, "{arguments:?}");
        }
    }
    let item = &json(&ours, &["get", "b"]).await["kvs"][0];
    assert_eq!(
        (&item["create_revision"], &item["version"]),
        (&5.into(), &1.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_is_deleted_than_a_commit_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path(), Options::default()).expect("opened");
    let ours = Ours::start(Arc::new(store)).await;
    for part in 0..20 {
        let keys = (0..100).map(|number| format!("{:0>1000}", part * 100 + number));
        let puts = keys.fold(store::Transaction::new(), |all, key| {
            all.put(key.into(), "".into())
        });
        ours.store.commit(puts).await.expect("committed");
    }
    assert_eq!(ours.ctl(&["del", "0", "--prefix"]).await, "2000\n");
    assert_eq!(ours.ctl(&["get", "", "--prefix"]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_read_until_it_is_compacted() {
    let ours = fresh().await;
    for value in ["1", "2", "3", "4"] {
        ours.ctl(&["put", "k", value]).await;
    }
    assert_eq!(
        ours.ctl(&["get", "k", "--rev=2", "--print-value-only"]).await,
        "1\n"
    );
    let future = ours.refused(&["get", "k", "--rev=99"]).await;
    assert!(
        future.contains("etcdserver: mvcc: required revision is a future revision"),
        "{future}"
    );
    assert_eq!(ours.ctl(&["compact", "4"]).await, "compacted revision 4\n");
    let old = ours.refused(&["get", "k", "--rev=3"]).await;
    assert!(
        old.contains("etcdserver: mvcc: required revision has been compacted"),
        "{old}"
    );
    let again = ours.refused(&["compact", "4"]).await;
    assert!(again.contains("has been compacted"), "{again}");
    assert_eq!(
        ours.ctl(&["get", "k", "--rev=4", "--print-value-only"]).await,
        "3\n"
    );
    let watch = ours.refused(&["watch", "k", "--rev=2"]).await;
    assert!(watch.contains("required revision has been compacted"), "{watch}");
}

/// What etcdctl's interactive transaction prints for the given lines.
async fn transaction(ours: &Ours, lines: &str) -> String {
    let mut command = etcdctl_command(&format!("http://{}", ours.address), &["txn"]);
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("etcdctl is installed");
    let mut input = process.stdin.take().expect("piped");
    input.write_all(lines.as_bytes()).expect("read");
    drop(input);
    let output = tokio::task::spawn_blocking(move || process.wait_with_output());
    let output = output.await.expect("no panic").expect("it ran");
    let mut text = String::from_utf8(output.stdout).expect("text");
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_compare_everything() {
    let ours = fresh().await;
    ours.ctl(&["put", "k", "v"]).await;
    let cases = [
        ("mod(\"k\") = \"2\"\n\nput k w\n\nget k\n\n", "SUCCESS\n\nOK\n"),
        ("mod(\"k\") = \"2\"\n\nput k w\n\nget k\n\n", "FAILURE\n\nk\nw\n"),
        ("version(\"k\") > \"1\"\n\nget k\n\n\n", "SUCCESS\n\nk\nw\n"),
        ("create(\"k\") < \"2\"\n\n\nget k\n\n", "FAILURE\n\nk\nw\n"),
        (
            "value(\"k\") = \"w\"\nversion(\"x\") = \"0\"\n\nput x 1\ndel k\nget x\n\n\n",
            "SUCCESS\n\nOK\n\n1\n\nx\n1\n",
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(transaction(&ours, lines).await, expected, "{lines}");
    }
    let twice = transaction(&ours, "\nput k 1\nput k 2\n\n\n").await;
    assert!(twice.contains("duplicate key given in txn request"), "{twice}");
}

/// A watch by etcdctl, line by line.
async fn lines(ours: &Ours, arguments: &[&str], wanted: usize, change: impl AsyncFnOnce()) -> Vec<String> {
    let command = etcdctl_command(&format!("http://{}", ours.address), arguments);
    let mut command = tokio::process::Command::from(command);
    let mut process = command
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("etcdctl is installed");
    let mut output = BufReader::new(process.stdout.take().expect("piped")).lines();
    change().await;
    let mut lines = Vec::new();
    while lines.len() < wanted {
        let line = tokio::time::timeout(SOON, output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("only {lines:?}"));
        lines.push(line.expect("readable").expect("it goes on"));
    }
    process.kill().await.expect("it ran");
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_tell_what_happens() {
    let ours = fresh().await;
    ours.ctl(&["put", "a/1", "one"]).await;
    ours.ctl(&["put", "other", "x"]).await;
    ours.ctl(&["put", "a/1", "eins"]).await;
    ours.ctl(&["del", "a/1"]).await;
    let history = lines(&ours, &["watch", "a/", "--prefix", "--rev=2"], 8, async || {}).await;
    assert_eq!(
        history,
        ["PUT", "a/1", "one", "PUT", "a/1", "eins", "DELETE", "a/1"]
    );
    let previous = lines(
        &ours,
        &["watch", "a/", "--prefix", "--rev=4", "--prev-kv"],
        9,
        async || {},
    )
    .await;
    assert_eq!(
        previous,
        ["PUT", "a/1", "one", "a/1", "eins", "DELETE", "a/1", "eins", "a/1"]
    );
    let live = lines(&ours, &["watch", "new", "--rev=6"], 3, async || {
        ours.ctl(&["put", "new", "x"]).await;
    });
    assert_eq!(
        live.await,
        ["PUT", "new", "x"],
        "what is yet to come is waited for"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_end_with_their_keys() {
    let ours = fresh().await;
    let granted = ours.ctl(&["lease", "grant", "300"]).await;
    let id = granted.split_whitespace().nth(1).expect("an ID").to_owned();
    assert!(granted.contains("granted with TTL(300s)"), "{granted}");
    ours.ctl(&["put", "k", "v", &format!("--lease={id}")]).await;
    ours.ctl(&["put", "l", "v", &format!("--lease={id}")]).await;
    ours.ctl(&["put", "l", "w"]).await;
    let lease = i64::from_str_radix(&id, 16).expect("hexadecimal");
    assert_eq!(json(&ours, &["get", "k"]).await["kvs"][0]["lease"], lease);
    assert_eq!(json(&ours, &["get", "l"]).await["kvs"][0]["lease"], Value::Null);
    let times = ours.ctl(&["lease", "timetolive", &id, "--keys"]).await;
    assert!(times.contains("granted with TTL(300s)"), "{times}");
    assert!(times.contains("attached keys([k])"), "{times}");
    assert!(ours.ctl(&["lease", "list"]).await.contains(&id));
    let kept = ours.ctl(&["lease", "keep-alive", "--once", &id]).await;
    assert!(kept.contains("keepalived with TTL(300)"), "{kept}");
    assert_eq!(
        ours.ctl(&["lease", "revoke", &id]).await,
        format!("lease {id} revoked\n")
    );
    assert_eq!(ours.ctl(&["get", "", "--prefix", "--keys-only"]).await, "l\n\n");
    let gone = ours.refused(&["lease", "revoke", &id]).await;
    assert!(gone.contains("etcdserver: requested lease not found"), "{gone}");
    let gone = ours.refused(&["put", "k", "v", &format!("--lease={id}")]).await;
    assert!(gone.contains("etcdserver: requested lease not found"), "{gone}");
    let gone = ours.ctl(&["lease", "timetolive", &id]).await;
    assert!(gone.contains("already expired"), "{gone}");

    let granted = ours.ctl(&["lease", "grant", "1"]).await;
    assert!(granted.contains("TTL(2s)"), "etcd's shortest: {granted}");
    let id = granted.split_whitespace().nth(1).expect("an ID").to_owned();
    ours.ctl(&["put", "short", "v", &format!("--lease={id}")]).await;
    let ended = lines(&ours, &["watch", "short", "--rev=1"], 5, async || {}).await;
    assert_eq!(ended, ["PUT", "short", "v", "DELETE", "short"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_member_is_looked_after() {
    let ours = fresh().await;
    ours.ctl(&["put", "k", "v"]).await;
    ours.ctl(&["endpoint", "health"]).await;
    let status = &json(&ours, &["endpoint", "status"]).await[0]["Status"];
    assert_eq!(status["version"], "3.5.21");
    assert_eq!(status["header"]["revision"], 2);
    assert_eq!(status["leader"], status["header"]["member_id"]);
    let hash = json(&ours, &["endpoint", "hashkv"]).await;
    assert_ne!(hash[0]["HashKV"]["hash"], Value::Null);
    let members = json(&ours, &["member", "list"]).await;
    let member = &members["members"][0];
    assert_eq!(member["name"], "default");
    assert_eq!(member["clientURLs"][0], format!("http://{}", ours.address));
    let add = ours
        .refused(&["member", "add", "b", "--peer-urls=http://127.0.0.1:1"])
        .await;
    assert!(add.contains("has one member"), "{add}");
    let remove = ours.refused(&["member", "remove", "abc"]).await;
    assert!(remove.contains("etcdserver: member not found"), "{remove}");
    let defragment = ours.ctl(&["defrag"]).await;
    assert!(defragment.contains("Finished defragmenting"), "{defragment}");
    assert_eq!(ours.ctl(&["alarm", "list"]).await, "");
    assert_eq!(ours.ctl(&["alarm", "disarm"]).await, "");
    // A client with a password is told that there is no such thing, and goes on without.
    assert_eq!(ours.ctl(&["get", "k", "--user=root:secret"]).await, "k\nv\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_becomes_a_real_etcd() {
    let ours = fresh().await;
    let granted = ours.ctl(&["lease", "grant", "3000"]).await;
    let id = granted.split_whitespace().nth(1).expect("an ID").to_owned();
    for number in 0..300 {
        let (key, value) = (format!("k/{number:04}"), "x".repeat(number * 20));
        let key = store::Key::from(key);
        let put = store::Transaction::new().put(key, value.into());
        ours.store.commit(put).await.expect("committed");
    }
    ours.ctl(&["put", "leased", "v", &format!("--lease={id}")]).await;
    ours.ctl(&["put", "k/0007", "changed"]).await;
    ours.ctl(&["del", "k/0009"]).await;
    let before = json(&ours, &["get", "", "--prefix"]).await;

    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let saved = ours.ctl(&["snapshot", "save", &path("snapshot.db")]).await;
    assert!(saved.contains("Snapshot saved at"), "{saved}");
    let status = json(&ours, &["snapshot", "status", &path("snapshot.db")]).await;
    assert!(status["totalKey"].as_u64() >= Some(300), "{status}");
    let data = path("data");
    let restore = ["snapshot", "restore", &path("snapshot.db"), "--data-dir", &data];
    let restored = etcdctl("http://127.0.0.1:1", &restore).await;
    let error = String::from_utf8_lossy(&restored.stderr);
    assert!(restored.status.success(), "{error}");

    let etcd = RealEtcd::over(&folder.path().join("data")).await;
    let after = etcdctl(&etcd.endpoint, &["get", "", "--prefix", "-w", "json"]).await;
    let after: Value = serde_json::from_slice(&after.stdout).expect("JSON");
    assert_eq!(after["kvs"], before["kvs"]);
    assert_eq!(after["header"]["revision"], before["header"]["revision"]);
    let times = etcdctl(&etcd.endpoint, &["lease", "timetolive", &id, "--keys"]).await;
    let times = String::from_utf8_lossy(&times.stdout).into_owned();
    assert!(times.contains("attached keys([leased])"), "{times}");
}
