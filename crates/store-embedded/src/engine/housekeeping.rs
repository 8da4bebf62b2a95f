//! What a store does for itself when there is occasion: forgets, moves, writes checkpoints, makes segments
//! ahead.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::Ordering;

use store::{Revision, StoreError};

use super::Engine;
use super::checkpointing::Checkpointed;
use crate::log::Spare;
use crate::segments::SegmentUse;

/// So many segments may be filled with what nobody needs, beside half of what is needed, before space is
/// reclaimed.
const SPARE_GARBAGE_SEGMENTS: u64 = 4;

/// A segment is worth clearing if at most three quarters of it are needed.
const WORTH_CLEARING: (u64, u64) = (3, 4);

/// What housekeeping remembers from one time to the next.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    checkpoint: Option<Checkpointed>,
    /// How much log there was at the last checkpoint.
    checkpoint_log_bytes: u64,
    /// Revisions, and when they were current, in milliseconds.
    marks: VecDeque<(u64, u64)>,
    /// Segments that turned out to be damaged. They are left alone: parts of them can still be read.
    damaged: BTreeSet<u32>,
}

impl Housekeeping {
    /// After opening, where the last checkpoint was found so.
    pub(crate) fn new(checkpoint: Option<Checkpointed>) -> Self {
        Self {
            checkpoint,
            checkpoint_log_bytes: 0,
            marks: VecDeque::new(),
            damaged: BTreeSet::new(),
        }
    }

    /// Does what there is to do; gives when there will be more, in milliseconds. An error leaves everything
    /// as good as it was.
    pub(crate) fn run(&mut self, engine: &Engine, now_ms: u64) -> Result<Option<u64>, StoreError> {
        self.make_spare(engine)?;
        self.compact(engine, now_ms)?;
        let all_forgotten = engine.forget();
        self.clear_segments(engine)?;
        if self.checkpoint_is_due(engine) {
            self.write_checkpoint(engine)?;
        }
        let again = (!all_forgotten).then(|| now_ms + mark_interval_ms(engine));
        Ok([self.next_compaction(engine, now_ms), again]
            .into_iter()
            .flatten()
            .min())
    }

    /// Writes a checkpoint whether it is due or not.
    pub(crate) fn write_checkpoint(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let log_bytes = engine.log_bytes.load(Ordering::Relaxed);
        let previous = self.checkpoint.map(|checkpoint| checkpoint.number);
        self.checkpoint = Some(engine.checkpoint(previous)?);
        self.checkpoint_log_bytes = log_bytes;
        Ok(())
    }

    /// Whether everything is noted that has happened: nothing more will be to do until something is
    /// committed.
    pub(crate) fn is_settled(&self, engine: &Engine) -> bool {
        self.marks.is_empty() && engine.history.current() <= engine.pins.compacted()
    }

    fn make_spare(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let Some(number) = engine.log.lock().wants_spare() else {
            return Ok(());
        };
        let spare = Spare::make(&engine.folder, number, engine.options.segment_bytes.into())?;
        spare.fill()?;
        if let Some(late) = engine.log.lock().offer_spare(spare) {
            engine
                .folder
                .remove(&crate::format::segment::file_name(late.number()))?;
        }
        Ok(())
    }

    /// Compacts what is old enough, or too much.
    fn compact(&mut self, engine: &Engine, now_ms: u64) -> Result<(), StoreError> {
        let current = engine.history.current();
        let marked = self
            .marks
            .back()
            .map_or(engine.pins.compacted(), |(_, revision)| *revision);
        let last_mark_ms = self.marks.back().map_or(0, |(marked_ms, _)| *marked_ms);
        if current > marked && now_ms >= last_mark_ms + mark_interval_ms(engine) {
            self.marks.push_back((now_ms, current));
        }
        let history_ms = history_ms(engine);
        let mut target = None;
        while let Some((_, revision)) = self
            .marks
            .pop_front_if(|(marked_ms, _)| *marked_ms + history_ms <= now_ms)
        {
            target = Some(revision);
        }
        let limit = engine.options.max_history_changes;
        if engine.history.len() > limit {
            target = target.max(engine.history.revision_before(limit / 4 * 3));
        }
        match target {
            Some(revision) if revision > engine.pins.compacted() => engine.compact(Revision::new(revision)),
            _ => Ok(()),
        }
    }

    fn next_compaction(&self, engine: &Engine, now_ms: u64) -> Option<u64> {
        let current = engine.history.current();
        let marked = self
            .marks
            .back()
            .map_or(engine.pins.compacted(), |(_, revision)| *revision);
        let next_mark = (current > marked).then(|| {
            let last_ms = self.marks.back().map_or(now_ms, |(marked_ms, _)| *marked_ms);
            last_ms + mark_interval_ms(engine)
        });
        let next_end = self
            .marks
            .front()
            .map(|(marked_ms, _)| marked_ms + history_ms(engine));
        [next_mark, next_end].into_iter().flatten().min()
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
        written >= engine.options.checkpoint_bytes.max(2 * last_size)
    }
}

fn history_ms(engine: &Engine) -> u64 {
    u64::try_from(engine.options.history.as_millis()).unwrap_or(u64::MAX / 4)
}

fn mark_interval_ms(engine: &Engine) -> u64 {
    history_ms(engine) / 4 + 1
}
