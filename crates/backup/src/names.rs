//! Names of scheduled backups: they sort by time.

use crate::header::About;
use crate::output::UNFINISHED;

const PREFIX: &str = "pintle-";
const SUFFIX: &str = ".backup";

/// The name of a scheduled backup: `pintle-20260101T000000Z-r4711.backup`.
pub fn file_name(about: &About) -> String {
    let time = about.created_at.strftime("%Y%m%dT%H%M%SZ");
    format!("{PREFIX}{time}-r{}{SUFFIX}", about.revision)
}

/// Whether a file has the name of a scheduled backup.
pub fn is_scheduled(name: &str) -> bool {
    let middle = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX));
    let parts = middle.and_then(|middle| middle.split_once("-r"));
    parts.is_some_and(|(time, revision)| {
        let is_time = time.len() == 16
            && time
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"TZ".contains(&byte));
        is_time && !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a file is what is left of a scheduled backup that was never finished.
pub fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED).is_some_and(is_scheduled)
}

/// Of these files, the scheduled backups that are older than the `keep` newest. Others are never among them.
pub fn surplus(names: impl IntoIterator<Item = String>, keep: usize) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().filter(|name| is_scheduled(name)).collect();
    names.sort_unstable_by(|one, other| other.cmp(one));
    names.split_off(keep.min(names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_surplus_and_strangers_never() {
        let about = |second: i64| About {
            cluster: String::new(),
            created_at: jiff::Timestamp::from_second(second).expect("a time"),
            pintle_version: String::new(),
            revision: 7,
        };
        assert_eq!(file_name(&about(0)), "pintle-19700101T000000Z-r7.backup");
        let strangers = [
            "pintle-mine.backup",
            "pintle-19700101T000000Z-r7.backup.partial",
            "x",
        ];
        let names = (0..5).map(|second| file_name(&about(second)));
        let names = names.chain(strangers.map(str::to_owned));
        assert!(is_unfinished(strangers[1]) && !strangers.map(is_scheduled).contains(&true));
        let surplus = surplus(names, 3);
        assert_eq!(surplus, [file_name(&about(1)), file_name(&about(0))]);
        assert!(super::surplus([file_name(&about(0))], 3).is_empty());
    }
}
