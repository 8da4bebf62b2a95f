//! The last words of a container: what it left in its file, or the end of its log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::cri::message::ContainerStatus;
use crate::pod::ContainerNote;

/// The most of the file that is read.
const MAX_FILE_BYTES: u64 = 4096;
/// The most of the log that is shown.
const MAX_LOG_BYTES: usize = 2048;
const MAX_LOG_LINES: usize = 80;
/// As much of the log's end as surely holds that many bytes of text: each line carries a time and more.
const MAX_LOG_TAIL: u64 = 64 * 1024;

/// What the status of a container that ended says as its message.
pub fn last_words(status: &ContainerStatus) -> String {
    let words = own_words(status);
    match (status.message.as_str(), words.as_str()) {
        ("", _) => words,
        (message, "") => message.to_owned(),
        (message, words) => format!("{message}: {words}"),
    }
}

fn own_words(status: &ContainerStatus) -> String {
    let note = ContainerNote::read(&status.annotations);
    let mount = status
        .mounts
        .iter()
        .find(|mount| mount.container_path == note.termination_message_path);
    let file = mount.map(|mount| read_file(Path::new(&mount.host_path)));
    let from_log = note.termination_message_policy == "FallbackToLogsOnError" && status.exit_code != 0;
    match file {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            format!(
                "Error on reading termination log {}: {error}",
                note.termination_message_path
            )
        }
        Some(Ok(text)) if !text.is_empty() => text,
        _ if from_log && !status.log_path.is_empty() => {
            let tail = tail(Path::new(&status.log_path));
            tail.unwrap_or_else(|error| format!("Error reading termination message from logs: {error}"))
        }
        _ => String::new(),
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(MAX_LOG_TAIL).read_to_end(&mut bytes)?;
    Ok(last_lines(&String::from_utf8_lossy(&bytes)))
}

/// The text of the last lines of a log in the runtime's format: `TIME STREAM TAG text`, where the tag `P` says that the
/// line goes on.
fn last_lines(log: &str) -> String {
    let mut text = String::new();
    for line in log.lines() {
        let mut parts = line.splitn(4, ' ');
        let (Some(_), Some(_), Some(tag)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        text.push_str(parts.next().unwrap_or_default());
        if tag != "P" {
            text.push('\n');
        }
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let first = lines.len().saturating_sub(MAX_LOG_LINES);
    let mut text = lines[first..].concat();
    if text.len() > MAX_LOG_BYTES {
        let mut cut = text.len() - MAX_LOG_BYTES;
        while !text.is_char_boundary(cut) {
            cut += 1;
        }
        text.drain(..cut);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cri::message::Mount;

    fn status(folder: &Path, policy: &str, exit_code: i32, message: &str) -> ContainerStatus {
        let note = ContainerNote {
            termination_message_path: "/dev/termination-log".to_owned(),
            termination_message_policy: policy.to_owned(),
            ..ContainerNote::default()
        };
        ContainerStatus {
            exit_code,
            message: message.to_owned(),
            annotations: note.write(),
            mounts: vec![Mount {
                container_path: "/dev/termination-log".to_owned(),
                host_path: folder.join("words").to_string_lossy().into_owned(),
                ..Mount::default()
            }],
            log_path: folder.join("log").to_string_lossy().into_owned(),
            ..ContainerStatus::default()
        }
    }

    #[test]
    fn the_file_then_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(
            folder.join("log"),
            "t stdout F one\nt stderr P tw\nt stderr F o\n",
        )
        .unwrap();
        let words = |policy, code, message| last_words(&status(folder, policy, code, message));
        assert_eq!(words("File", 1, ""), "");
        assert_eq!(words("FallbackToLogsOnError", 0, ""), "");
        assert_eq!(words("FallbackToLogsOnError", 1, ""), "one\ntwo\n");
        assert_eq!(words("File", 1, "OOM"), "OOM");
        fs::write(folder.join("words"), "bye").unwrap();
        assert_eq!(words("FallbackToLogsOnError", 1, ""), "bye");
        assert_eq!(words("File", 0, "said"), "said: bye");
        fs::write(folder.join("words"), "x".repeat(5000)).unwrap();
        assert_eq!(words("File", 0, "").len(), 4096);
    }

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let line = |i: usize| format!("t stdout F {i}\n");
        let log: String = (0..200).map(line).collect();
        let shown = last_lines(&log);
        assert!(shown.starts_with("120\n") && shown.ends_with("199\n"), "{shown}");
        assert_eq!(last_lines("t stdout F a\nt stdout P b\n"), "a\nb");
        let long = format!("t stdout F {}\n", "é".repeat(3000));
        assert_eq!(last_lines(&long).len(), 2047);
    }
}
