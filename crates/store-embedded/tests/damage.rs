//! A damaged store says where it is damaged. It never opens as if nothing had been there, and never serves
//! what was not written.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use store::{KeyRange, RangeRequest, StateStore, StoreError};
use store_embedded::disk::Disk;
use store_embedded::simulation::SimulatedDisk;
use store_embedded::{EmbeddedStore, Options, verify_disk};
use support::{open_simulated, put, tight_options};

type Contents = BTreeMap<String, String>;

/// A store with some segments and a checkpoint.
async fn filled() -> (SimulatedDisk, Contents) {
    let disk = SimulatedDisk::new();
    let store = open_simulated(&disk, tight_options());
    for number in 0..60 {
        put(
            &store,
            &format!("k{:02}", number % 20),
            &format!("value {number} {}", "x".repeat(200)),
        )
        .await;
    }
    let contents = contents(&store).await.expect("it reads");
    drop(store);
    (disk, contents)
}

async fn contents(store: &EmbeddedStore) -> Result<Contents, StoreError> {
    let found = store.range(RangeRequest::new(KeyRange::all())).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(found
        .key_values
        .iter()
        .map(|found| (text(&found.key), text(&found.value)))
        .collect())
}

fn names(disk: &SimulatedDisk, ending: &str) -> Vec<String> {
    let names = disk.list().expect("it lists");
    names.into_iter().filter(|name| name.ends_with(ending)).collect()
}

/// Opens and reads everything.
async fn look(disk: &SimulatedDisk) -> Result<Contents, StoreError> {
    let store = EmbeddedStore::open_disk(Arc::new(disk.clone()), tight_options())?;
    contents(&store).await
}

fn is_corrupt(result: &Result<Contents, StoreError>, name: &str) -> bool {
    matches!(result, Err(StoreError::Corrupt { path, .. }) if path.ends_with(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_is_told_or_does_not_matter() {
    let (disk, expected) = filled().await;
    let mut told = 0;
    let files: Vec<String> = [
        names(&disk, ".log"),
        names(&disk, ".checkpoint"),
        names(&disk, "END"),
    ]
    .concat();
    assert!(files.len() > 3, "{files:?}");
    for name in files {
        for offset in (0..disk.length(&name)).step_by(97) {
            let damaged = disk.copy();
            damaged.damage(&name, offset);
            match look(&damaged).await {
                Ok(found) => assert!(found == expected, "{name} at {offset}"),
                result => {
                    assert!(is_corrupt(&result, &name), "{name} at {offset}: {result:?}");
                    told += 1;
                }
            }
        }
    }
    assert!(told > 50, "only {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_file_is_told_or_does_not_matter() {
    let (disk, expected) = filled().await;
    let mut told = 0;
    for name in disk.list().expect("it lists") {
        let damaged = disk.copy();
        damaged.lose(&name);
        match look(&damaged).await {
            Ok(found) => assert!(found == expected, "{name}"),
            Err(StoreError::Corrupt { .. }) => told += 1,
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(told >= 3, "only {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_without_an_identity_is_not_an_empty_store() {
    let (disk, _) = filled().await;
    disk.lose("FORMAT");
    let before = disk.list().expect("it lists");
    assert!(is_corrupt(&look(&disk).await, "FORMAT"));
    assert_eq!(disk.list().expect("it lists"), before, "nothing is changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_value_harms_its_key_only() {
    let disk = SimulatedDisk::new();
    let options = Options {
        checkpoint_bytes: 1,
        ..tight_options()
    };
    let store = open_simulated(&disk, options.clone());
    for number in 0..40 {
        put(&store, &format!("k{number:02}"), &"x".repeat(200)).await;
    }
    let checkpoint = async {
        while names(&disk, ".checkpoint").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let written = tokio::time::timeout(Duration::from_secs(60), checkpoint);
    written.await.expect("a checkpoint is due");
    drop(store);
    // The first record of the first segment, which is behind the checkpoint and so not read when the store is
    // opened.
    disk.damage("0000000001.log", 64 + 40 + 48 + 3 + 100);
    let store = open_simulated(&disk, options);
    assert!(matches!(
        store.get(&"k00".into(), None).await,
        Err(StoreError::Corrupt { .. })
    ));
    assert!(store.get(&"k01".into(), None).await.expect("it reads").is_some());
    put(&store, "k00", "new").await;
    assert_eq!(
        store
            .get(&"k00".into(), None)
            .await
            .expect("it reads")
            .map(|found| found.version),
        Some(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_format_is_told() {
    let disk = SimulatedDisk::new();
    let file = disk.create("FORMAT").expect("it can be made");
    file.write_at(b"pintle state store, format 3\nstore x\n", 0)
        .expect("it can be written");
    let error = look(&disk).await.expect_err("it is of the future");
    assert!(
        matches!(&error, StoreError::UnknownFormat { found, .. } if found.ends_with("format 3")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_store_is_found_sound() {
    let (disk, expected) = filled().await;
    let before = disk.operations();
    let report = verify_disk(Arc::new(disk.clone())).expect("it can be looked at");
    assert_eq!(disk.operations(), before, "nothing is changed");
    assert_eq!(
        (report.keys as usize, report.values, report.problems.len()),
        (expected.len(), 60, 0)
    );
    assert_eq!((report.revision.get(), report.compacted.get()), (60, 0));

    disk.damage("END", 20);
    let report = verify_disk(Arc::new(disk)).expect("it can be looked at");
    assert!(
        matches!(&report.problems[..], [StoreError::Corrupt { path, .. }] if path.ends_with("END")),
        "{report:?}"
    );
}

/// A mix-up of directories harms neither store.
#[tokio::test(flavor = "multi_thread")]
async fn segments_of_another_store_are_told() {
    let (disk, _) = filled().await;
    let (other, _) = filled().await;
    // Which segments there are, and which of them are in use, depends on how soon the next were made.
    let is_used = |disk: &SimulatedDisk, name: &str| {
        let mut header = [0; 16];
        let file = disk.open(name);
        file.is_ok_and(|file| file.read_at(&mut header, 0).is_ok() && header[8..] == *b"PNTLLOG1")
    };
    let mut logs = names(&disk, ".log").into_iter();
    let last = logs.rfind(|name| is_used(&disk, name) && is_used(&other, name));
    let last = last.expect("there are segments");
    for name in [last.as_str(), "FORMAT"] {
        let mixed = disk.copy();
        let theirs = other.open(name).expect("it is there");
        let mut bytes = vec![0; other.length(name)];
        theirs.read_at(&mut bytes, 0).expect("it reads");
        let file = mixed.create(name).expect("it can be made");
        file.write_at(&bytes, 0).expect("it can be written");
        let before = mixed.operations();
        let result = look(&mixed).await;
        assert!(
            matches!(result, Err(StoreError::Corrupt { .. })),
            "{name}: {result:?}"
        );
        assert_eq!(mixed.operations(), before, "nothing is changed");
        let report = verify_disk(Arc::new(mixed)).expect("it can be looked at");
        assert!(!report.problems.is_empty(), "{name}");
    }
}

/// Without a checkpoint and an end, as after the first kill of a young store.
#[tokio::test(flavor = "multi_thread")]
async fn a_young_store_with_the_identity_of_another_is_not_empty() {
    let disk = SimulatedDisk::new();
    let store = open_simulated(&disk, Options::default());
    put(&store, "a", "1").await;
    let killed = disk.copy();
    drop(store);
    let file = killed.create("FORMAT").expect("it can be made");
    file.write_at(
        b"pintle state store, format 1\nstore 05050505-0505-0505-0505-050505050505\n",
        0,
    )
    .expect("it can be written");
    assert!(matches!(look(&killed).await, Err(StoreError::Corrupt { .. })));
}

/// Garbage is looked at too: it tells of a disk that goes bad.
#[tokio::test(flavor = "multi_thread")]
async fn verification_sees_every_byte_of_the_log() {
    let (disk, _) = filled().await;
    let mut told = 0;
    let logs = names(&disk, ".log");
    for name in &logs {
        for offset in (8..disk.length(name)).step_by(211) {
            let damaged = disk.copy();
            damaged.damage(name, offset);
            let report = verify_disk(Arc::new(damaged)).expect("it can be looked at");
            told +=
                usize::from(report.problems.iter().any(
                    |problem| matches!(problem, StoreError::Corrupt { path, .. } if path.ends_with(name)),
                ));
        }
    }
    let bytes: usize = logs.iter().map(|name| disk.length(name)).sum();
    // What is not told lies behind the last frame of a segment, or between two.
    assert!(told * 211 > bytes * 3 / 4, "{told} places in {bytes} bytes");
}
