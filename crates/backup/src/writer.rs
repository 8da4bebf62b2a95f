//! Writing a backup, record by record.

use std::io::Write;

use crate::chunk::{CHUNK, Chunks};
use crate::encryption::{Encryption, Passphrase};
use crate::error::BackupError;
use crate::header::{About, Header};
use crate::record::{Record, Totals};

/// Writes a backup. What was written is one only after [`finish`](Self::finish).
pub struct Writer<W> {
    out: W,
    name: String,
    chunks: Chunks,
    /// Records that have not filled a chunk yet.
    pending: Vec<u8>,
    totals: Totals,
}

impl<W: Write> Writer<W> {
    /// Begins a backup. `name` is what errors call the file.
    pub fn new(
        out: W,
        name: &str,
        about: About,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, BackupError> {
        let encryption = passphrase.map(|_| Encryption::new()).transpose()?;
        Self::encrypted(out, name, about, encryption.zip(passphrase))
    }

    pub(crate) fn encrypted(
        mut out: W,
        name: &str,
        about: About,
        encryption: Option<(Encryption, &Passphrase)>,
    ) -> Result<Self, BackupError> {
        let key = encryption.as_ref().map(|(encryption, passphrase)| {
            let key = encryption.key(passphrase);
            key.expect("what is written here is known here")
        });
        let header = Header {
            about,
            encryption: encryption.map(|(encryption, _)| encryption),
        };
        let framed = header.write(&mut out, name)?;
        Ok(Self {
            out,
            name: name.to_owned(),
            chunks: Chunks::behind(&framed, key),
            pending: Vec::with_capacity(2 * CHUNK),
            totals: Totals::default(),
        })
    }

    /// Adds a record.
    pub fn push(&mut self, record: &Record) -> Result<(), BackupError> {
        record.encode(&mut self.pending)?;
        self.totals.add(record);
        // One byte at least stays, so that the last chunk is never empty.
        let mut written = 0;
        while self.pending.len() - written > CHUNK {
            let content = &self.pending[written..written + CHUNK];
            self.chunks.write(content, false, &mut self.out, &self.name)?;
            written += CHUNK;
        }
        self.pending.drain(..written);
        Ok(())
    }

    /// What was written, as far as it has left the writer. For who takes bytes away while the backup grows.
    pub fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// What there is so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Ends the backup, and gives back what it was written to.
    pub fn finish(mut self) -> Result<(W, Totals), BackupError> {
        self.totals.encode(&mut self.pending);
        let mut rest = &self.pending[..];
        while rest.len() > CHUNK {
            let (content, more) = rest.split_at(CHUNK);
            self.chunks.write(content, false, &mut self.out, &self.name)?;
            rest = more;
        }
        self.chunks.write(rest, true, &mut self.out, &self.name)?;
        self.out.flush().map_err(BackupError::write(&self.name))?;
        Ok((self.out, self.totals))
    }
}
