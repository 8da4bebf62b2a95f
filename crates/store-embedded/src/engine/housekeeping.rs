//! What a store does for itself when there is occasion: forgets, moves, writes checkpoints, makes segments
//! ahead.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use store::{Revision, StoreError};

use super::Engine;
use super::aging::Aging;
use super::checkpointing::Checkpointed;
use crate::log::Spare;
use crate::segments::SegmentUse;

/// So many segments may be filled with what nobody needs, beside half of what is needed, before space is
/// reclaimed.
const SPARE_GARBAGE_SEGMENTS: u64 = 4;

/// A segment is worth clearing if at most three quarters of it are needed.
const WORTH_CLEARING: (u64, u64) = (3, 4);

/// There may be so many times as much log behind a checkpoint as it has itself: opening reads both.
const LOG_BEHIND: u64 = 4;

/// What housekeeping remembers from one time to the next.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    checkpoint: Option<Checkpointed>,
    /// How much log there was at the last checkpoint.
    checkpoint_log_bytes: u64,
    aging: Aging,
    /// Segments that turned out to be damaged. They are left alone: parts of them can still be read.
    damaged: BTreeSet<u32>,
}

impl Housekeeping {
    /// After opening, where the last checkpoint was found so.
    pub(crate) fn new(checkpoint: Option<Checkpointed>, history: Duration) -> Self {
        let history_ms = u64::try_from(history.as_millis()).unwrap_or(u64::MAX / 4);
        Self {
            checkpoint,
            checkpoint_log_bytes: 0,
            aging: Aging::new(history_ms),
            damaged: BTreeSet::new(),
        }
    }

    /// Does what there is to do; gives when there will be more, in milliseconds. An error leaves everything
    /// as good as it was, and does not keep the rest from being done: on a full disk, that makes space.
    pub(crate) fn run(&mut self, engine: &Engine, now_ms: u64) -> Result<Option<u64>, StoreError> {
        let compacted = self.compact(engine, now_ms);
        let all_forgotten = engine.forget();
        let reclaimed = self.reclaim(engine);
        let prepared = self.make_spare(engine);
        compacted.and(reclaimed).and(prepared)?;
        let (compacted, current) = bounds(engine);
        let again = (!all_forgotten).then(|| now_ms + self.aging.interval_ms());
        let next = self.aging.next_ms(now_ms, compacted, current);
        Ok(next.into_iter().chain(again).min())
    }

    /// Whether everything is noted that has happened: nothing will be to do until something is committed.
    pub(crate) fn is_settled(&self, engine: &Engine) -> bool {
        let (compacted, current) = bounds(engine);
        self.aging.next_ms(0, compacted, current).is_none()
    }

    /// Writes a checkpoint whether it is due or not.
    pub(crate) fn write_checkpoint(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let log_bytes = engine.log_bytes.load(Ordering::Relaxed);
        let previous = self.checkpoint.map(|checkpoint| checkpoint.number);
        self.checkpoint = Some(engine.checkpoint(previous)?);
        self.checkpoint_log_bytes = log_bytes;
        Ok(())
    }

    fn make_spare(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let (number, is_filled_later) = {
            let mut log = engine.log.lock();
            if !log.wants_spare() {
                return Ok(());
            }
            (log.take_number(), log.has_large_frames())
        };
        let mut spare = Spare::make(&engine.folder, number, engine.options.segment_bytes.into())?;
        if !is_filled_later {
            spare.fill()?;
        }
        if let Some(late) = engine.log.lock().offer_spare(spare) {
            engine
                .folder
                .remove(&crate::format::segment::file_name(late.number()))?;
        }
        Ok(())
    }

    /// Compacts what is old enough, or too much.
    fn compact(&mut self, engine: &Engine, now_ms: u64) -> Result<(), StoreError> {
        let (compacted, current) = bounds(engine);
        let old = self.aging.advance(now_ms, compacted, current);
        let limit = engine.options.max_history_changes;
        let too_much = engine
            .has_too_much_history()
            .then(|| engine.history.revision_before(limit / 4 * 3))
            .flatten();
        match old.max(too_much) {
            Some(revision) if revision > compacted => match engine.compact(Revision::new(revision)) {
                // Somebody else has asked for it meanwhile.
                Err(StoreError::Compacted { .. }) => Ok(()),
                result => result,
            },
            _ => Ok(()),
        }
    }

    fn reclaim(&mut self, engine: &Engine) -> Result<(), StoreError> {
        self.clear_segments(engine)?;
        if self.checkpoint_is_due(engine) {
            self.write_checkpoint(engine)?;
        }
        Ok(())
    }

    /// Brings what is needed out of the emptiest segments if too much space is wasted. They go with the next
    /// checkpoint.
    fn clear_segments(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let uses = self.old_segments(engine);
        let live: u64 = uses.iter().map(|used| used.live_bytes).sum();
        let mut garbage: u64 = uses
            .iter()
            .map(|used| used.size.saturating_sub(used.live_bytes))
            .sum();
        let bearable = live / 2 + SPARE_GARBAGE_SEGMENTS * u64::from(engine.options.segment_bytes);
        if garbage <= bearable {
            return Ok(());
        }
        let mut candidates: Vec<_> = uses
            .into_iter()
            .filter(|used| self.is_worth_clearing(engine, used))
            .collect();
        if candidates.is_empty() {
            return Ok(());
        }
        candidates.sort_by_key(|used| used.live_bytes);
        for used in candidates {
            if garbage <= bearable {
                break;
            }
            garbage -= used.size.saturating_sub(used.live_bytes);
            if used.live_bytes > 0 {
                self.clear(engine, used.number)?;
            }
        }
        self.write_checkpoint(engine)
    }

    fn clear(&mut self, engine: &Engine, number: u32) -> Result<(), StoreError> {
        match engine.relocate(number) {
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, "a segment of the state store is damaged");
                self.damaged.insert(number);
                Ok(())
            }
            result => result,
        }
    }

    fn is_worth_clearing(&self, engine: &Engine, used: &SegmentUse) -> bool {
        // Small segments, as short runs leave behind, are merged in this way too.
        let size = used.size.max(engine.options.segment_bytes.into());
        let (needed, of) = WORTH_CLEARING;
        used.live_bytes <= size / of * needed && !self.damaged.contains(&used.number)
    }

    /// The segments that do not change any more.
    fn old_segments(&self, engine: &Engine) -> Vec<SegmentUse> {
        let newest = engine.log.lock().position().segment;
        engine
            .state
            .read()
            .segments
            .uses()
            .filter(|used| used.number < newest)
            .collect()
    }

    fn checkpoint_is_due(&self, engine: &Engine) -> bool {
        let written = engine.log_bytes.load(Ordering::Relaxed) - self.checkpoint_log_bytes;
        let last_size = self.checkpoint.map_or(0, |checkpoint| checkpoint.size);
        written >= engine.options.checkpoint_bytes.max(LOG_BEHIND * last_size)
    }
}

/// The compacted and the current revision.
fn bounds(engine: &Engine) -> (u64, u64) {
    let window = engine.window();
    (window.compacted.get(), window.current.get())
}
