//! Snapshots that a real etcdctl saved of a real etcd.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backup::{BackupError, EtcdSnapshot, PREFIX, Record, Source};
use etcd_process::Etcd;

/// Puts bytes of any kind.
fn put(etcd: &Etcd, folder: &Path, key: &str, value: &[u8]) {
    let path = folder.join("value");
    fs::write(&path, value).expect("written");
    let mut command = etcd.ctl_command(&etcd.endpoints());
    let input = fs::File::open(&path).expect("there");
    let output = command
        .args(["put", key])
        .stdin(input)
        .output()
        .expect("etcdctl is installed");
    assert!(output.status.success(), "put {key}: {output:?}");
}

fn save(etcd: &Etcd, folder: &Path) -> PathBuf {
    let path = folder.join("snapshot.db");
    etcd.ctl(&["snapshot", "save", path.to_str().expect("text")]);
    path
}

/// What a snapshot gives, by key.
fn entries(snapshot: &EtcdSnapshot) -> Result<BTreeMap<String, store::SnapshotEntry>, BackupError> {
    let mut found = BTreeMap::new();
    snapshot.for_each(|entry| {
        found.insert(entry.key_value.key.to_string(), entry);
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn the_newest_of_each_key_comes_out_of_a_snapshot() {
    let etcd = Etcd::single();
    let folder = tempfile::tempdir().expect("folder");
    for number in 0..300 {
        etcd.ctl(&[
            "put",
            &format!("/registry/configmaps/default/{:02}", number % 60),
            &format!("v{number}"),
        ]);
    }
    // More than a page, and what the database must escape nothing of.
    let large: Vec<u8> = (0..50_000_u32).map(|number| number as u8).collect();
    put(&etcd, folder.path(), "/registry/secrets/default/large", &large);
    etcd.ctl(&["del", "/registry/configmaps/default/07"]);
    etcd.ctl(&["del", "/registry/configmaps/default/08"]);
    etcd.ctl(&["put", "/registry/configmaps/default/08", "again"]);
    etcd.ctl(&["put", "compact_rev_key", "1"]);
    etcd.ctl(&["put", "/other/key", "x"]);
    let lease = etcd.ctl(&["lease", "grant", "3600"]);
    let lease = lease.split_whitespace().nth(1).expect("its number");
    etcd.ctl(&["put", "/registry/events/default/a", "e", "--lease", lease]);
    let path = save(&etcd, folder.path());

    let snapshot = EtcdSnapshot::open(&path, "/registry").expect("a snapshot");
    let found = entries(&snapshot).expect("readable");
    assert_eq!((found.len(), snapshot.keys(), snapshot.others()), (59 + 2, 61, 2));
    let value = |key: &str| &found[&format!("/registry/{key}")].key_value;
    assert_eq!(value("configmaps/default/59").value, "v299");
    assert_eq!(value("configmaps/default/59").version, 5);
    assert_eq!(value("secrets/default/large").value, large);
    let again = value("configmaps/default/08");
    assert_eq!((again.value.as_ref(), again.version), (&b"again"[..], 1));
    assert_eq!(again.create_revision, again.mod_revision);
    assert!(!found.contains_key("/registry/configmaps/default/07"));
    let event = &found["/registry/events/default/a"];
    let left = event.time_to_live.expect("it expires");
    assert!(
        left > Duration::from_secs(3000) && left <= Duration::from_secs(3600),
        "{left:?}"
    );
    assert_eq!(snapshot.about().revision, event.key_value.mod_revision.get());

    let elsewhere = EtcdSnapshot::open(&path, "/other/").expect("a snapshot");
    assert_eq!(
        entries(&elsewhere).expect("readable").keys().collect::<Vec<_>>(),
        ["/registry/key"]
    );
    let mut records = 0;
    let source = Source::open(&path, None, PREFIX).expect("either kind");
    source
        .for_each(|record| {
            records += usize::from(matches!(record, Record::Entry(_)));
            Ok(())
        })
        .expect("readable");
    assert_eq!(records, 61);
}

#[test]
fn damaged_and_encrypted_snapshots_are_refused() {
    let etcd = Etcd::single();
    let folder = tempfile::tempdir().expect("folder");
    etcd.ctl(&["put", "/registry/secrets/default/a", "k8s:enc:aescbc:v1:key1:xyz"]);
    let path = save(&etcd, folder.path());
    let encrypted = EtcdSnapshot::open(&path, PREFIX).expect("a snapshot");
    let error = entries(&encrypted).expect_err("refused").to_string();
    assert!(
        error.contains("/registry/secrets/default/a") && error.contains("k8s:enc:"),
        "{error}"
    );

    let bytes = fs::read(&path).expect("there");
    let changed = folder.path().join("changed");
    let refuse = |bytes: &[u8]| {
        fs::write(&changed, bytes).expect("written");
        Source::open(&changed, None, PREFIX).err().expect("refused")
    };
    for at in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let _ = refuse(&bytes);
    }
    for length in [0, 10, 5000, bytes.len() - 32, bytes.len() - 1, bytes.len() - 512] {
        let _ = refuse(&bytes[..length]);
    }
    assert!(matches!(refuse(b"hello"), BackupError::NotABackup { .. }));
}
