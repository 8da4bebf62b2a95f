//! The file `FORMAT`: which format the folder has, and which store it is.

use store::StoreError;
use uuid::Uuid;

use crate::disk::Folder;

/// The name of the file.
pub(crate) const FORMAT: &str = "FORMAT";
/// What is not yet the file.
pub(crate) const FORMAT_UNFINISHED: &str = "FORMAT.new";

/// What the file begins with. The number grows when a version writes what earlier ones cannot read.
const PREAMBLE: &str = "pintle state store, format 2\nstore ";

/// What it began with before values were packed.
const EARLIER_PREAMBLE: &str = "pintle state store, format 1\nstore ";

/// Which store a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) store: [u8; 16],
}

impl Identity {
    /// Reads the file; `None` if there is none.
    pub(crate) fn read(folder: &Folder, names: &[String]) -> Result<Option<Self>, StoreError> {
        if !names.iter().any(|name| name == FORMAT) {
            return Ok(None);
        }
        let file = folder.open(FORMAT)?;
        let bytes = file.read_all()?;
        let text = String::from_utf8_lossy(&bytes);
        let id = text
            .strip_prefix(PREAMBLE)
            .or(text.strip_prefix(EARLIER_PREAMBLE));
        let Some(id) = id else {
            return Err(StoreError::UnknownFormat {
                path: file.path,
                found: text.lines().next().unwrap_or_default().to_owned(),
                expected: PREAMBLE.trim_end_matches("\nstore "),
            });
        };
        match Uuid::try_parse(id.trim_end()) {
            Ok(id) => Ok(Some(Self {
                store: id.into_bytes(),
            })),
            Err(_) => Err(file.corrupt(PREAMBLE.len() as u64, "the store's identity is unreadable")),
        }
    }

    /// Makes a new store of an empty folder, durably.
    pub(crate) fn create(folder: &Folder) -> Result<Self, StoreError> {
        let identity = Self {
            store: Uuid::new_v4().into_bytes(),
        };
        identity.write(folder)?;
        Ok(identity)
    }

    fn write(self, folder: &Folder) -> Result<(), StoreError> {
        let id = Uuid::from_bytes(self.store);
        let file = folder.create(FORMAT_UNFINISHED)?;
        file.write(format!("{PREAMBLE}{id}\n").as_bytes(), 0)?;
        file.sync()?;
        folder.rename(FORMAT_UNFINISHED, FORMAT)?;
        folder.sync()
    }
}

/// Has the file say that this version writes to the store, durably.
pub(crate) fn renew(folder: &Folder, identity: Identity) -> Result<(), StoreError> {
    if folder.open(FORMAT)?.read_all()?.starts_with(PREAMBLE.as_bytes()) {
        return Ok(());
    }
    identity.write(folder)
}
