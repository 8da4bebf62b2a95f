//! A backup comes back as it was written, or is refused with the place where it is damaged.

use std::io::Cursor;
use std::time::Duration;

use backup::{About, BackupError, FileRole, Passphrase, Reader, Record, SavedFile, Totals, Writer};
use store::{KeyValue, SnapshotEntry};

fn about() -> About {
    About {
        cluster: String::from("c0ffee"),
        created_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        pintle_version: String::from("0.1.0"),
        revision: 4000,
    }
}

fn records(keys: u64) -> Vec<Record> {
    let file = SavedFile {
        role: FileRole::Pki,
        path: String::from("pki/ca.key"),
        mode: 0o600,
        content: "secret".into(),
    };
    let entry = |number: u64| SnapshotEntry {
        key_value: KeyValue {
            key: format!("/registry/pods/default/{number:06}").into(),
            // Values that do not compress well, of many sizes.
            value: (0..number * 7 % 2000)
                .map(|at| (at * at * 31 + number) as u8)
                .collect::<Vec<_>>()
                .into(),
            create_revision: number.into(),
            mod_revision: (number * 2).into(),
            version: 2,
        },
        time_to_live: number.is_multiple_of(5).then(|| Duration::from_millis(number)),
    };
    std::iter::once(Record::File(file))
        .chain((1..=keys).map(entry).map(Record::Entry))
        .collect()
}

fn written(records: &[Record], passphrase: Option<&str>) -> Vec<u8> {
    let passphrase = passphrase.map(|text| Passphrase::new(text).expect("not empty"));
    let mut writer = Writer::new(Vec::new(), "b", about(), passphrase.as_ref()).expect("begun");
    records
        .iter()
        .for_each(|record| writer.push(record).expect("written"));
    writer.finish().expect("finished").0
}

fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<(Vec<Record>, Totals), BackupError> {
    let passphrase = passphrase.map(Passphrase::new).transpose()?;
    let mut reader = Reader::new(Cursor::new(bytes), "b", passphrase.as_ref())?;
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(record);
    }
    assert_eq!(reader.header().about, about());
    Ok((records, reader.totals()))
}

#[test]
fn everything_comes_back() {
    for (keys, passphrase) in [(0, None), (1, None), (2000, None), (2000, Some("open sesame\n"))] {
        let records = records(keys);
        let bytes = written(&records, passphrase);
        let (found, totals) = read(&bytes, passphrase).expect("read");
        assert!(found == records, "{keys} keys");
        assert_eq!((totals.files, totals.entries), (1, keys));
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let bytes = written(&records(40), None);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let error = read(&changed, None).expect_err("noticed");
        let is_told = matches!(
            error,
            BackupError::Damaged { .. }
                | BackupError::Truncated { .. }
                | BackupError::NotABackup { .. }
                | BackupError::NewerFormat { .. }
        );
        assert!(is_told, "byte {at}: {error:?}");
    }
}

#[test]
fn damage_is_located() {
    // Several chunks, so that the place says something.
    let bytes = written(&records(2000), None);
    let at = bytes.len() / 2;
    let mut changed = bytes.clone();
    changed[at] ^= 4;
    match read(&changed, None).expect_err("noticed") {
        BackupError::Damaged { offset, .. } => {
            let distance = at as u64 - offset;
            assert!(offset > 0 && distance < 300 << 10, "{offset} for {at}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_cut_is_noticed() {
    let bytes = written(&records(30), None);
    for length in 0..bytes.len() {
        let error = read(&bytes[..length], None).expect_err("noticed");
        let is_told = matches!(
            error,
            BackupError::Truncated { .. } | BackupError::NotABackup { .. }
        );
        assert!(is_told, "{length} bytes: {error:?}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(read(&longer, None), Err(BackupError::Damaged { .. })));
}

#[test]
fn passphrases_are_needed_and_must_be_right() {
    let bytes = written(&records(3), Some("right"));
    assert!(matches!(
        read(&bytes, None),
        Err(BackupError::NoPassphrase { .. })
    ));
    assert!(matches!(
        read(&bytes, Some("wrong")),
        Err(BackupError::WrongPassphrase { .. })
    ));
    assert!(matches!(
        read(&bytes, Some("\n")),
        Err(BackupError::EmptyPassphrase)
    ));
    read(&bytes, Some("right")).expect("opened");
    let shown = String::from_utf8_lossy(&bytes);
    assert!(!shown.contains("/registry") && !shown.contains("secret"));
    for at in [bytes.len() - 40, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(matches!(
            read(&changed, Some("right")),
            Err(BackupError::Damaged { .. })
        ));
    }
}

#[test]
fn later_formats_and_other_files_are_told_apart() {
    let mut later = written(&records(1), None);
    later[14] = 2;
    let error = read(&later, None).expect_err("refused").to_string();
    assert!(error.contains("format 2") && error.contains("reads 1"), "{error}");
    for other in [&b""[..], b"hello", b"SQLite format 3\0 and more of it"] {
        assert!(matches!(read(other, None), Err(BackupError::NotABackup { .. })));
    }
}
