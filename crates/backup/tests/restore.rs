//! From a store to a file, and from the file to a data directory or another store.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use backup::restore::{FolderRestore, Restored, check_folder, fill_store};
use backup::{About, BackupError, FileRole, Reader, Record, SavedFile, Source, Writer};
use futures::StreamExt;
use store::{
    KeyRange, MemoryStore, RangeRequest, Revision, StateStore, StoreError, Transaction, WatchRequest,
};
use store_embedded::{EmbeddedStore, Options};

/// A backup of a store with a past: keys that were changed and deleted.
async fn backup() -> (Vec<u8>, MemoryStore) {
    let store = MemoryStore::new();
    for number in 0..300 {
        let key = format!("/registry/configmaps/default/{:03}", number % 100);
        store
            .commit(Transaction::new().put(key.into(), format!("{number}").into()))
            .await
            .expect("put");
    }
    let expiring =
        Transaction::new().put_for("/registry/events/a".into(), "e".into(), Duration::from_secs(3600));
    store.commit(expiring).await.expect("put");
    store
        .commit(Transaction::new().delete("/registry/configmaps/default/007".into()))
        .await
        .expect("deleted");
    let mut snapshot = store.snapshot().await.expect("a snapshot");
    let about = About {
        cluster: String::from("c0ffee"),
        created_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        pintle_version: String::from("0.1.0"),
        revision: snapshot.revision.get(),
    };
    let mut writer = Writer::new(Vec::new(), "b", about, None).expect("begun");
    let file = SavedFile {
        role: FileRole::Token,
        path: String::from("node-token"),
        mode: 0o600,
        content: "abcdef.0123456789abcdef".into(),
    };
    writer.push(&Record::File(file)).expect("written");
    while let Some(entry) = snapshot.entries.next().await {
        writer
            .push(&Record::Entry(entry.expect("readable")))
            .expect("written");
    }
    (writer.finish().expect("finished").0, store)
}

fn open(bytes: &[u8]) -> Reader<Cursor<&[u8]>> {
    Reader::new(Cursor::new(bytes), "b", None).expect("a backup")
}

fn restore(bytes: &[u8], data_dir: &Path, revision: u64) -> Result<Option<std::path::PathBuf>, BackupError> {
    let mut reader = open(bytes);
    let mut restore = FolderRestore::begin(data_dir, true)?;
    while let Some(record) = reader.next()? {
        restore.push(record)?;
    }
    restore.finish(revision).map(|(_, aside)| aside)
}

/// Restores into a store that counts its revisions itself.
async fn fill(store: &dyn StateStore, bytes: &[u8], folder: &Path) -> Result<Restored, BackupError> {
    fill_to(store, bytes, folder, 500).await
}

async fn fill_to(
    store: &dyn StateStore,
    bytes: &[u8],
    folder: &Path,
    revision: u64,
) -> Result<Restored, BackupError> {
    let path = folder.join("b");
    fs::write(&path, bytes).expect("written");
    let source = Source::open(&path, None, backup::PREFIX)?;
    fill_store(store, revision, source.into_records(), || {}).await
}

async fn all(store: &dyn StateStore) -> Vec<store::KeyValue> {
    store
        .range(RangeRequest::new(KeyRange::all()))
        .await
        .expect("readable")
        .key_values
}

#[tokio::test]
async fn an_embedded_store_goes_on_where_the_backup_was() {
    let (bytes, before) = backup().await;
    let folder = tempfile::tempdir().expect("folder");
    let data_dir = folder.path().join("data");
    restore(&bytes, &data_dir, 1000).expect("restored");
    assert_eq!(
        fs::read(data_dir.join("node-token")).expect("there"),
        b"abcdef.0123456789abcdef"
    );

    for _ in 0..2 {
        let store = EmbeddedStore::open(&data_dir.join("store"), Options::default()).expect("opened");
        assert_eq!(all(&store).await, all(&before).await);
        assert_eq!(store.current_revision(), Revision::new(1000));
        let seen = WatchRequest::new(KeyRange::all()).start(Revision::new(302));
        assert!(matches!(
            store.watch(seen).await,
            Err(StoreError::Compacted { .. })
        ));
        drop(store);
        let report = store_embedded::verify(&data_dir.join("store")).expect("readable");
        assert!(report.problems.is_empty() && report.keys == 100, "{report:?}");
    }
    let store = EmbeddedStore::open(&data_dir.join("store"), Options::default()).expect("opened");
    let next = store
        .commit(Transaction::new().put("/new".into(), "x".into()))
        .await
        .expect("put");
    assert_eq!(next.committed(), Some(Revision::new(1001)));
    let mut snapshot = store.snapshot().await.expect("a snapshot");
    let mut expiring = 0;
    while let Some(entry) = snapshot.entries.next().await {
        expiring += usize::from(
            entry
                .expect("readable")
                .time_to_live
                .is_some_and(|left| left > Duration::from_secs(3000)),
        );
    }
    assert_eq!(expiring, 1);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
}

#[tokio::test]
async fn a_store_that_counts_itself_is_made_to_count_on() {
    let (bytes, before) = backup().await;
    let store = MemoryStore::new();
    let folder = tempfile::tempdir().expect("folder");
    let restored = fill(&store, &bytes, folder.path()).await.expect("restored");
    assert_eq!((restored.revision, restored.totals.entries), (500, 100));
    assert_eq!(store.current_revision(), Revision::new(500));
    let values =
        |found: Vec<store::KeyValue>| found.into_iter().map(|kv| (kv.key, kv.value)).collect::<Vec<_>>();
    assert_eq!(values(all(&store).await), values(all(&before).await));

    let refused = fill(&store, &bytes, folder.path()).await;
    assert!(matches!(refused, Err(BackupError::StoreNotEmpty { .. })));
}

#[tokio::test]
async fn what_breaks_off_leaves_nothing() {
    let (bytes, _) = backup().await;
    let cut = &bytes[..bytes.len() - 3];
    let store = MemoryStore::new();
    let folder = tempfile::tempdir().expect("folder");
    fill(&store, cut, folder.path()).await.expect_err("refused");
    assert!(all(&store).await.is_empty());

    let folder = tempfile::tempdir().expect("folder");
    let data_dir = folder.path().join("data");
    assert!(matches!(
        restore(cut, &data_dir, 1000),
        Err(BackupError::Truncated { .. })
    ));
    assert!(
        restore(&bytes, &data_dir, 5).is_err(),
        "a revision before the keys'"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}

#[tokio::test]
async fn nobody_counts_for_days() {
    let (bytes, _) = backup().await;
    let store = MemoryStore::new();
    let folder = tempfile::tempdir().expect("folder");
    let refused = fill_to(&store, &bytes, folder.path(), u64::MAX).await;
    assert!(matches!(refused, Err(BackupError::TooFar { .. })), "{refused:?}");
    assert!(all(&store).await.is_empty());
    let data_dir = folder.path().join("data");
    restore(&bytes, &data_dir, u64::MAX / 2).expect_err("no room to go on");
    assert!(!data_dir.exists());
}

#[tokio::test]
async fn what_is_there_is_kept() {
    let (bytes, _) = backup().await;
    let folder = tempfile::tempdir().expect("folder");
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).expect("made");
    assert!(!check_folder(&data_dir, "c0ffee", false).expect("empty"));
    fs::write(data_dir.join("lock"), "7").expect("written");
    assert!(!check_folder(&data_dir, "c0ffee", false).expect("as good as empty"));
    fs::write(data_dir.join("node-token"), "old").expect("written");
    let refused = check_folder(&data_dir, "c0ffee", false);
    assert!(matches!(refused, Err(BackupError::NotEmpty { .. })));
    assert!(check_folder(&data_dir, "c0ffee", true).expect("forced"));

    let aside = restore(&bytes, &data_dir, 1000)
        .expect("restored")
        .expect("moved aside");
    assert_eq!(fs::read(aside.join("node-token")).expect("there"), b"old");
    assert!(data_dir.join("store/FORMAT").exists());
}

#[test]
fn another_cluster_is_never_replaced() {
    let folder = tempfile::tempdir().expect("folder");
    let layout = pki::Layout::in_folder(folder.path());
    pki::ServerPki::ensure(&layout, &pki::Wanted::default(), jiff::Timestamp::now()).expect("made");
    let there = backup::files::cluster_of(folder.path()).expect("an authority");
    assert!(check_folder(folder.path(), &there, true).expect("the same"));
    let refused = check_folder(folder.path(), "c0ffee", true)
        .expect_err("another")
        .to_string();
    assert!(
        refused.contains(&there) && refused.contains("c0ffee"),
        "{refused}"
    );
}
