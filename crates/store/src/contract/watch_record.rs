//! What a watch promises, checked on what one has told: ordered, unique, atomic, reliable, resumable, bookmarkable, and
//! about its range and previous values only.

use super::timeline::Timeline;
use crate::{Event, Revision, WatchBatch, WatchRequest};

/// One watch, over as many streams as it took.
#[derive(Clone, Debug)]
pub struct WatchRecord {
    /// What was asked for, with a start.
    pub request: WatchRequest,
    /// What happened to it.
    pub steps: Vec<WatchStep>,
}

/// What happened to a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchStep {
    /// It told something.
    Told(WatchBatch),
    /// It was asked how far it is, when the store stood at this revision.
    Asked(Revision),
    /// Its stream ended, and another one was begun after the revision of the last batch.
    Resumed,
}

impl WatchRecord {
    /// A watch that has told nothing yet.
    pub fn new(request: WatchRequest) -> Self {
        Self {
            request,
            steps: Vec::new(),
        }
    }

    /// Everything up to this revision was told.
    pub fn place(&self) -> Revision {
        let last = self.steps.iter().rev().find_map(|step| match step {
            WatchStep::Told(batch) => Some(batch.revision),
            _ => None,
        });
        let start = self.request.start.unwrap_or_default();
        last.unwrap_or(Revision::new(start.get().saturating_sub(1)))
    }

    /// Whether it told what happened as it promises, up to its place.
    pub fn check(&self, timeline: &Timeline) -> Result<(), String> {
        let told = self.check_order()?;
        let start = self.request.start.unwrap_or_default();
        let expected = timeline.of(&self.request.range, start, self.place());
        let mut expected = expected.cloned().map(|mut event| {
            if !self.request.previous {
                event.forget_previous();
            }
            event
        });
        for event in &told {
            match expected.next() {
                Some(expected) if expected == *event => {}
                expected => return Err(format!("expected {expected:?}, was told {event:?}")),
            }
        }
        match expected.next() {
            Some(missing) => Err(format!("was not told of {missing:?}")),
            None => Ok(()),
        }
    }

    /// Looks at the batches alone; gives their events.
    fn check_order(&self) -> Result<Vec<Event>, String> {
        let mut place = Revision::new(self.request.start.unwrap_or_default().get().saturating_sub(1));
        // What is asked and not answered yet, and how many mere marks may come.
        let (mut asked, mut marks) = (None, 0);
        let mut told: Vec<Event> = Vec::new();
        for step in &self.steps {
            match step {
                WatchStep::Resumed => (asked, marks) = (None, 0),
                WatchStep::Asked(revision) => (asked, marks) = (asked.max(Some(*revision)), marks + 1),
                WatchStep::Told(batch) => {
                    check_batch(place, batch)?;
                    if batch.events.is_empty() {
                        if marks == 0 {
                            return Err(format!("nobody asked for the mark at {}", batch.revision));
                        }
                        marks -= 1;
                    }
                    asked = asked.filter(|asked| batch.revision < *asked);
                    place = place.max(batch.revision);
                    told.extend(batch.events.iter().cloned());
                }
            }
        }
        match asked {
            Some(revision) => Err(format!("asked at revision {revision}, it tells {place} only")),
            None => Ok(told),
        }
    }
}

/// A batch holds whole revisions after the one before, in order, and up to its own.
fn check_batch(place: Revision, batch: &WatchBatch) -> Result<(), String> {
    if let Some(event) = batch.events.first()
        && event.revision() <= place
    {
        return Err(format!("everything up to {place} was told already: {event:?}"));
    }
    if batch.revision < place && batch.events.is_empty() {
        return Err(format!("a mark at {} after {place}", batch.revision));
    }
    for pair in batch.events.windows(2) {
        let order = |event: &Event| (event.revision(), event.key().clone());
        if order(&pair[0]) >= order(&pair[1]) {
            return Err(format!("out of order: {pair:?}"));
        }
    }
    match batch.events.last() {
        Some(last) if last.revision() > batch.revision => {
            Err(format!("a batch up to {} holds {last:?}", batch.revision))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
