//! What becomes of files put aside: compressed, and removed when they are too old or too many.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use tracing::warn;

const TIME: &str = "%Y-%m-%dT%H-%M-%S%.3f";
const COMPRESSED: &str = ".gz";
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// One at a time.
static BUSY: Mutex<()> = Mutex::new(());

/// How files put aside are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keeping {
    /// How many; none: all.
    pub(super) max_files: Option<u64>,
    /// How long; none: without end.
    pub(super) max_days: Option<u64>,
    pub(super) compress: bool,
}

/// What is done with a file.
#[derive(Debug, PartialEq, Eq)]
enum Deed {
    Remove(String),
    Compress(String),
}

/// The name under which a file is put aside: `audit-2006-01-02T15-04-05.000.log`.
pub(super) fn put_aside_name(path: &Path, now: Timestamp) -> PathBuf {
    let (before, after) = around(path);
    path.with_file_name(format!("{before}{}{after}", now.strftime(TIME)))
}

/// What stands around the time in names of files put aside.
fn around(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let after = match text(path.extension()) {
        extension if extension.is_empty() => extension,
        extension => format!(".{extension}"),
    };
    (format!("{}-", text(path.file_stem())), after)
}

/// When a file of that name was put aside; none if it is no such file.
fn put_aside_at(name: &str, (before, after): &(String, String)) -> Option<Timestamp> {
    let name = name.strip_suffix(COMPRESSED).unwrap_or(name);
    let time = name.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
    let time = DateTime::strptime(TIME, time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl Keeping {
    /// Does what is due, beside everything else.
    pub(super) fn begin(self, path: &Path) {
        if self.max_files.is_none() && self.max_days.is_none() && !self.compress {
            return;
        }
        let path = path.to_owned();
        std::thread::spawn(move || {
            let _one = BUSY.lock();
            if let Err(error) = self.tidy(&path, Timestamp::now()) {
                warn!(path = %path.display(), %error, "old audit logs cannot be looked after");
            }
        });
    }

    fn tidy(self, path: &Path, now: Timestamp) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let names = fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        for deed in self.deeds(names.collect(), &around(path), now) {
            match deed {
                Deed::Remove(name) => fs::remove_file(folder.join(name))?,
                Deed::Compress(name) => compress(&folder.join(name))?,
            }
        }
        Ok(())
    }

    /// What is to be done with the files of these names.
    fn deeds(self, names: Vec<String>, around: &(String, String), now: Timestamp) -> Vec<Deed> {
        let aside = names
            .into_iter()
            .filter_map(|name| Some((put_aside_at(&name, around)?, name)));
        let mut aside: Vec<(Timestamp, String)> = aside.collect();
        aside.sort_by(|a, b| b.cmp(a));
        let mut deeds = Vec::new();
        for (place, (at, name)) in aside.into_iter().enumerate() {
            let is_surplus = self.max_files.is_some_and(|max| place as u64 >= max);
            let age_seconds = now.as_second() - at.as_second();
            let is_old = self.max_days.is_some_and(|days| {
                age_seconds
                    > i64::try_from(days)
                        .unwrap_or(i64::MAX)
                        .saturating_mul(DAY_SECONDS)
            });
            if is_surplus || is_old {
                deeds.push(Deed::Remove(name));
            } else if self.compress && !name.ends_with(COMPRESSED) {
                deeds.push(Deed::Compress(name));
            }
        }
        deeds
    }
}

/// Puts a compressed file in the place of a file.
fn compress(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(COMPRESSED);
    let written = File::create(&name)?;
    written.set_permissions(fs::metadata(path)?.permissions())?;
    let mut encoder = GzEncoder::new(written, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn names_tell_when_a_file_was_put_aside() {
        let at = time("2026-01-02T03:04:05.678Z");
        for (path, expected) in [
            ("/x/audit.log", "/x/audit-2026-01-02T03-04-05.678.log"),
            ("audit", "audit-2026-01-02T03-04-05.678"),
        ] {
            let aside = put_aside_name(Path::new(path), at);
            assert_eq!(aside, Path::new(expected));
            let name = aside.file_name().and_then(|name| name.to_str()).expect("a name");
            assert_eq!(put_aside_at(name, &around(Path::new(path))), Some(at));
        }
        let around = around(Path::new("audit.log"));
        for other in ["audit.log", "audit-x.log", "other-2026-01-02T03-04-05.678.log"] {
            assert_eq!(put_aside_at(other, &around), None, "{other}");
        }
    }

    #[test]
    fn old_and_surplus_files_are_removed_and_others_compressed() {
        let names = || {
            ["01", "02", "03", "04"]
                .map(|day| format!("audit-2026-01-{day}T00-00-00.000.log"))
                .to_vec()
        };
        let around = around(Path::new("audit.log"));
        let deeds = |keeping: Keeping, names| keeping.deeds(names, &around, time("2026-01-05T00:00:00Z"));
        let remove = |names: &[String]| names.iter().cloned().map(Deed::Remove).collect::<Vec<_>>();
        let most = Keeping {
            max_files: Some(3),
            ..Keeping::default()
        };
        assert_eq!(deeds(most, names()), remove(&names()[..1]));
        let young = Keeping {
            max_days: Some(2),
            ..Keeping::default()
        };
        let old: Vec<String> = names()[..2].iter().rev().cloned().collect();
        assert_eq!(deeds(young, names()), remove(&old));
        let small = Keeping {
            compress: true,
            ..Keeping::default()
        };
        let mixed = vec![
            names()[0].clone() + ".gz",
            names()[1].clone(),
            "audit.log".to_owned(),
        ];
        assert_eq!(deeds(small, mixed), [Deed::Compress(names()[1].clone())]);
    }

    #[test]
    fn a_compressed_file_says_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        fs::write(&path, "text").expect("written");
        compress(&path).expect("compressed");
        assert!(!path.exists());
        let mut text = String::new();
        let file = File::open(folder.path().join("a.log.gz")).expect("a file");
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .expect("gzip");
        assert_eq!(text, "text");
    }
}
