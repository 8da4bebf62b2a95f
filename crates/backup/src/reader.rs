//! Reading a backup, record by record, and checking it on the way.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use bytes::{Bytes, BytesMut};

use crate::chunk::Chunks;
use crate::encryption::Passphrase;
use crate::error::BackupError;
use crate::header::{Header, MAGIC};
use crate::record::{self, FRAME, Parsed, Record, Totals};

/// Reads a backup. Only one that was read to its [end](Self::next) is known to be whole.
pub struct Reader<R> {
    input: R,
    name: String,
    header: Header,
    chunks: Chunks,
    /// Content of chunks that has not been read yet.
    pending: BytesMut,
    last_chunk_read: bool,
    totals: Totals,
    ended: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a file.
    pub fn open(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(BackupError::read(&name, 0))?;
        Self::new(BufReader::with_capacity(1 << 20, file), &name, passphrase)
    }
}

impl<R: Read> Reader<R> {
    /// Begins to read. `name` is what errors call the file.
    pub fn new(mut input: R, name: &str, passphrase: Option<&Passphrase>) -> Result<Self, BackupError> {
        let framed = Header::read(&mut input, name)?;
        let key = match (&framed.header.encryption, passphrase) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(BackupError::NoPassphrase {
                    name: name.to_owned(),
                });
            }
            (Some(encryption), Some(passphrase)) => {
                let key = encryption.key(passphrase);
                Some(key.ok_or_else(|| BackupError::Damaged {
                    name: name.to_owned(),
                    offset: 0,
                    problem: String::from("the header asks for an encryption that is not known"),
                })?)
            }
        };
        Ok(Self {
            input,
            name: name.to_owned(),
            chunks: Chunks::behind(&framed, key),
            header: framed.header,
            pending: BytesMut::new(),
            last_chunk_read: false,
            totals: Totals::default(),
            ended: false,
        })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How much was read so far: bytes of the file.
    pub fn offset(&self) -> u64 {
        self.chunks.offset
    }

    /// What was read so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The next record; none at the end, when all that was read is known to be all there was.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Record>, BackupError> {
        if self.ended {
            return Ok(None);
        }
        let frame = self.take(FRAME)?;
        let frame: [u8; FRAME] = frame[..].try_into().expect("so many were taken");
        let length = record::length(frame).ok_or_else(|| self.damaged("a record is impossibly long"))?;
        let body = self.take(length)?;
        match record::parse(frame[0], body).ok_or_else(|| self.damaged("a record makes no sense"))? {
            Parsed::Record(record) => {
                self.totals.add(&record);
                Ok(Some(record))
            }
            Parsed::End(totals) => self.end(totals),
        }
    }

    fn end(&mut self, totals: Totals) -> Result<Option<Record>, BackupError> {
        if totals != self.totals {
            return Err(self.damaged("the file does not hold what it says it holds"));
        }
        if !self.last_chunk_read || !self.pending.is_empty() || self.has_more()? {
            return Err(self.damaged("something follows the end"));
        }
        self.ended = true;
        Ok(None)
    }

    fn has_more(&mut self) -> Result<bool, BackupError> {
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(read) => return Ok(read > 0),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BackupError::read(&self.name, self.chunks.offset)(error)),
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<Bytes, BackupError> {
        while self.pending.len() < length {
            if self.last_chunk_read {
                return Err(self.damaged("the last chunk is not the end"));
            }
            let chunk = self.chunks.read(&mut self.input, &self.name)?;
            self.last_chunk_read = chunk.last;
            self.pending.extend_from_slice(&chunk.content);
        }
        Ok(self.pending.split_to(length).freeze())
    }

    fn damaged(&self, problem: &str) -> BackupError {
        BackupError::Damaged {
            name: self.name.clone(),
            offset: self.chunks.offset,
            problem: problem.to_owned(),
        }
    }
}

/// What a file says of itself. Needs no passphrase, and checks nothing but the header.
pub fn read_header(path: &Path) -> Result<Header, BackupError> {
    let name = path.display().to_string();
    let mut file = File::open(path).map_err(BackupError::read(&name, 0))?;
    Header::read(&mut file, &name).map(|framed| framed.header)
}

/// Whether bytes of a file's beginning are those of a backup.
pub fn looks_like_backup(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}
