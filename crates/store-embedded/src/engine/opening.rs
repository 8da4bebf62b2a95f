//! Opening a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Mutex, RwLock};
use store::StoreError;

use super::checkpointing::Checkpointed;
use super::{Engine, Housekeeping, State};
use crate::disk::{Disk, Folder};
use crate::format::identity::{self, FORMAT, Identity};
use crate::format::packing::Packer;
use crate::format::{checkpoint, end, segment};
use crate::history::History;
use crate::log::Log;
use crate::options::Options;
use crate::pace::Pace;
use crate::pins::Pins;
use crate::recovery::{Recovered, recover};
use crate::segments::SegmentFile;
use crate::watches::Watches;

impl Engine {
    /// Opens the store of a folder, or makes one if the folder is empty.
    pub(crate) fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Housekeeping), StoreError> {
        let folder = Folder::new(disk);
        let names = folder.list()?;
        let identity = match identify(&folder, &names)? {
            Some(identity) => identity,
            None => Identity::create(&folder)?,
        };
        let recovered = recover(&folder, identity, &names)?;
        make_durable(&recovered)?;
        if !recovered.superfluous.is_empty() {
            // After the kill of a process, the name of the checkpoint that makes the rest superfluous may not be durable.
            folder.sync()?;
        }
        // Only now, because a store that cannot be opened is not changed; and before anything is written.
        identity::renew(&folder, identity)?;
        for name in &recovered.superfluous {
            folder.remove(name)?;
        }
        let checkpoint = recovered
            .checkpoint
            .map(|(number, size)| Checkpointed { number, size });
        let housekeeping = Housekeeping::new(checkpoint, options.history);
        Ok((Self::new(folder, identity, options, recovered), housekeeping))
    }

    fn new(folder: Folder, identity: Identity, options: Options, recovered: Recovered) -> Self {
        let Recovered {
            index,
            segments,
            changes,
            revision,
            compacted,
            position,
            next_number,
            ..
        } = recovered;
        let log = Log::new(
            folder.clone(),
            identity,
            options.segment_bytes,
            position,
            next_number,
        );
        Self {
            history: History::new(changes, revision, options.recent_value_bytes),
            watches: Watches::default(),
            folder,
            identity,
            log: Mutex::new(log),
            state: RwLock::new(State { index, segments }),
            pins: Arc::new(Pins::new(compacted)),
            packer: Packer::default(),
            pace: Pace::default(),
            closed: AtomicBool::new(false),
            failed_bytes: Mutex::new(None),
            log_bytes: AtomicU64::new(recovered.log_bytes),
            occasions: AtomicU64::new(0),
            frames_when_opened: position.sequence - 1,
            options,
        }
    }
}

/// Which store a folder holds; `None` if it is empty. Data without an identity is not an empty folder.
pub(crate) fn identify(folder: &Folder, names: &[String]) -> Result<Option<Identity>, StoreError> {
    let identity = Identity::read(folder, names)?;
    let is_data =
        |name: &String| name == end::END || segment::number(name).or(checkpoint::number(name)).is_some();
    if identity.is_none() && names.iter().any(is_data) {
        return Err(StoreError::Corrupt {
            path: folder.path(FORMAT),
            offset: 0,
            problem: "the file is missing, though there is data".to_owned(),
        });
    }
    Ok(identity)
}

/// What was read of the last frame may be known to the kernel only: after the kill of a process it is on its
/// way to the disk, and after a failed sync it has even been taken for written. It is about to be shown to
/// others, so it is written again and synced. Then what the last segment holds beyond is cut off.
fn make_durable(recovered: &Recovered) -> Result<(), StoreError> {
    let (start, end) = (recovered.doubtful_from, recovered.position.offset);
    if let Some(SegmentFile { file, .. }) = recovered.segments.file(recovered.position.segment) {
        let length = usize::try_from(end - start).map_err(|_| file.corrupt(start, "a frame is too large"))?;
        file.write(&file.read_exact(start, length)?, start)?;
        file.sync()?;
        file.truncate(end)?;
    }
    Ok(())
}
