//! Writing the index down, so that the log before it need not be read again.

use store::{Key, StoreError};

use super::Engine;
use crate::disk::File;
use crate::format::checkpoint::{self, BlockBuilder, CheckpointHeader};
use crate::format::segment;

/// So many keys are copied before others get a turn at the state.
const KEYS_AT_ONCE: usize = 1000;

/// A checkpoint that is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpointed {
    pub(crate) number: u32,
    /// How long the file is.
    pub(crate) size: u64,
}

impl Engine {
    /// Writes a checkpoint, and then removes what it makes superfluous: the checkpoint before it, and old
    /// segments that hold nothing that is needed. Nothing may be [forgotten](Self::forget) or
    /// [relocated](Self::relocate) meanwhile; commits go on.
    pub(crate) fn checkpoint(&self, previous: Option<u32>) -> Result<Checkpointed, StoreError> {
        let number = previous.map_or(1, |number| number + 1);
        let header = {
            let log = self.log.lock();
            CheckpointHeader {
                revision: self.history.current(),
                compacted: self.pins.compacted(),
                position: log.position(),
            }
        };
        let superfluous = self.superfluous_segments(header.position.segment);
        let size = self.write_checkpoint(number, header)?;
        if let Some(previous) = previous {
            self.folder.remove(&checkpoint::file_name(previous))?;
        }
        for number in superfluous {
            self.state.write().segments.remove(number);
            self.folder.remove(&segment::file_name(number))?;
        }
        Ok(Checkpointed { number, size })
    }

    fn superfluous_segments(&self, before: u32) -> Vec<u32> {
        let state = self.state.read();
        let unused = state
            .segments
            .uses()
            .filter(|used| used.number < before && used.live_bytes == 0);
        unused.map(|used| used.number).collect()
    }

    fn write_checkpoint(&self, number: u32, header: CheckpointHeader) -> Result<u64, StoreError> {
        let seal = checkpoint::seal(self.identity, number);
        let unfinished = checkpoint::unfinished_name(number);
        let file = self.folder.create(&unfinished)?;
        let mut writer = Writer {
            file: &file,
            offset: 0,
        };
        writer.write(&header.encode(seal))?;
        let mut blocks = BlockBuilder::new(seal);
        let mut last: Option<Key> = None;
        loop {
            last = self.copy_entries(last.as_ref(), header.revision, &mut blocks);
            if last.is_none() || blocks.is_full() {
                writer.write(&blocks.finish_block().unwrap_or_default())?;
            }
            if last.is_none() {
                break;
            }
        }
        writer.write(&blocks.finish_checkpoint())?;
        let size = writer.offset;
        file.sync()?;
        self.folder.rename(&unfinished, &checkpoint::file_name(number))?;
        self.folder.sync()?;
        Ok(size)
    }

    /// Copies some entries after a key; gives the last key looked at, if there may be more.
    fn copy_entries(&self, after: Option<&Key>, revision: u64, blocks: &mut BlockBuilder) -> Option<Key> {
        let state = self.state.read();
        let mut last = None;
        for (copied, (key, versions)) in state.index.after(after).enumerate() {
            if copied == KEYS_AT_ONCE {
                return last;
            }
            let durable = versions.partition_point(|version| version.revision <= revision);
            if durable > 0 {
                blocks.push(key, &versions[..durable]);
            }
            last = Some(key.clone());
        }
        None
    }
}

struct Writer<'a> {
    file: &'a File,
    offset: u64,
}

impl Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
