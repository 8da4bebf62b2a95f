//! A log file read entry by entry, also after it was moved away.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use super::tail::tail_start;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// An entry longer than this is none a runtime wrote: they split lines at 16 KiB.
const MAX_ENTRY_BYTES: usize = 1 << 20;

/// A log file and how far it was read.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    /// Read, but no whole entry yet.
    rest: Vec<u8>,
}

impl LogFile {
    /// Opens a file; only the last lines of it, if so many are given.
    pub async fn open(path: &Path, tail_lines: Option<u64>) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        if let Some(lines) = tail_lines {
            let opened = file.into_std().await;
            let (opened, start) = tokio::task::spawn_blocking(move || {
                let start = tail_start(&opened, lines);
                (opened, start)
            })
            .await
            .map_err(io::Error::other)?;
            file = File::from_std(opened);
            file.seek(SeekFrom::Start(start?)).await?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            rest: Vec::new(),
        })
    }

    /// Reads on and hands over every entry that is complete; false at the end of the file.
    pub async fn read(&mut self, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
        let start = self.rest.len();
        self.rest.resize(start + CHUNK_BYTES, 0);
        let read = self.file.read(&mut self.rest[start..]).await;
        let length = start + *read.as_ref().unwrap_or(&0);
        self.rest.truncate(length);
        if read? == 0 {
            return Ok(false);
        }
        let mut done = 0;
        while let Some(end) = self.rest[done..].iter().position(|byte| *byte == b'\n') {
            let goes_on = each(&self.rest[done..done + end]);
            done += end + 1;
            if !goes_on {
                break;
            }
        }
        self.rest.drain(..done);
        if self.rest.len() > MAX_ENTRY_BYTES {
            self.rest.clear();
        }
        Ok(true)
    }

    /// What stands after the last line feed.
    pub fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rest)
    }

    /// The file that has taken this one's place, if one has. From then on nothing is written to this one; what was written
    /// before is still to be read.
    pub async fn successor(&self) -> io::Result<Option<File>> {
        let next = match File::open(&self.path).await {
            Ok(next) => next,
            // Moved away, and the new one is not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (now, opened) = (next.metadata().await?, self.file.metadata().await?);
        let is_other = (now.dev(), now.ino()) != (opened.dev(), opened.ino());
        Ok(is_other.then_some(next))
    }

    /// Reads on in the file that has taken this one's place.
    pub fn go_on_in(&mut self, successor: File) {
        self.file = successor;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    async fn read(log: &mut LogFile) -> String {
        let mut seen = Vec::new();
        let mut each = |entry: &[u8]| {
            seen.extend_from_slice(entry);
            true
        };
        while log.read(&mut each).await.unwrap() {}
        String::from_utf8(seen).unwrap()
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_read_to_its_end_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("0.log"), folder.path().join("0.log.1"));
        fs::write(&path, "one\n").unwrap();
        let mut log = LogFile::open(&path, None).await.unwrap();
        assert_eq!(read(&mut log).await, "one");
        assert!(log.successor().await.unwrap().is_none(), "it is the same");
        fs::rename(&path, &old).unwrap();
        assert!(log.successor().await.unwrap().is_none(), "it is not there yet");
        let mut late = fs::OpenOptions::new().append(true).open(&old).unwrap();
        late.write_all(b"two\n").unwrap();
        fs::write(&path, "three\n").unwrap();
        let next = log.successor().await.unwrap().unwrap();
        assert_eq!(read(&mut log).await, "two");
        log.go_on_in(next);
        assert_eq!(read(&mut log).await, "three");
    }
}
