//! The file `END`: how far the log has certainly come.
//!
//! A log says where its segments end, but for the last. If the store was closed, this file says it of the
//! last one, so that its loss or damage is not taken for an end.

use store::StoreError;

use super::checksum::Seal;
use super::fields::Fields;
use super::identity::Identity;
use crate::disk::Folder;

/// The name of the file.
pub(crate) const END: &str = "END";
const UNFINISHED: &str = "END.new";

const MAGIC: [u8; 8] = *b"PNTLEND1";
const SEAL_KIND: u64 = 3;

/// Reads how many frames there are at least.
pub(crate) fn read(folder: &Folder, identity: Identity, names: &[String]) -> Result<u64, StoreError> {
    if !names.iter().any(|name| name == END) {
        return Ok(0);
    }
    let file = folder.open(END)?;
    let bytes = file.read_all()?;
    let mut fields = Fields::new(&bytes);
    let mut read = || {
        fields.u64()?;
        if fields.array()? != MAGIC {
            return None;
        }
        fields.u64()
    };
    match read() {
        Some(frames) if seal(identity).holds(&bytes) => Ok(frames),
        _ => Err(file.corrupt(0, "the file is damaged")),
    }
}

/// Writes down, durably, how many frames there are.
pub(crate) fn write(folder: &Folder, identity: Identity, frames: u64) -> Result<(), StoreError> {
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&frames.to_le_bytes());
    seal(identity).close(&mut bytes);
    let file = folder.create(UNFINISHED)?;
    file.write(&bytes, 0)?;
    file.sync()?;
    folder.rename(UNFINISHED, END)?;
    folder.sync()
}

fn seal(identity: Identity) -> Seal {
    Seal::new(identity.store, SEAL_KIND, 0)
}
