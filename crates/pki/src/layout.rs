//! Where a server's keys and certificates lie: kubeadm's names, below the data directory.

use std::path::{Path, PathBuf};

use crate::error::PkiError;
use crate::file;

/// A data directory, or none: then nothing is kept.
#[derive(Clone, Debug)]
pub struct Layout {
    data_dir: Option<PathBuf>,
}

impl Layout {
    /// Files below a data directory.
    pub fn in_folder(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: Some(data_dir.into()),
        }
    }

    /// No files: everything is made anew each time, for servers that live in memory.
    pub fn in_memory() -> Self {
        Self { data_dir: None }
    }

    /// `pki/NAME.crt`.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.path(&format!("pki/{name}.crt"))
    }

    /// `pki/NAME.key`.
    pub fn key(&self, name: &str) -> PathBuf {
        self.path(&format!("pki/{name}.key"))
    }

    /// `pki/NAME.pub`.
    pub fn public_key(&self, name: &str) -> PathBuf {
        self.path(&format!("pki/{name}.pub"))
    }

    /// `NAME.conf`.
    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.conf"))
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.data_dir.as_deref().unwrap_or(Path::new("")).join(relative)
    }

    pub(crate) fn read(&self, path: &Path) -> Result<Option<String>, PkiError> {
        match self.data_dir {
            Some(_) => file::read(path),
            None => Ok(None),
        }
    }

    pub(crate) fn write(&self, path: &Path, content: &str, durable: bool) -> Result<(), PkiError> {
        match self.data_dir {
            Some(_) => file::write(path, content, durable),
            None => Ok(()),
        }
    }
}
