//! The compacted revision, and the reads that hold older ones back.
//!
//! A read that takes several steps pins its revision: it may be compacted meanwhile, but what the read needs
//! is forgotten only when it has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use store::{Revision, RevisionWindow, StoreError};

#[derive(Debug, Default)]
pub(crate) struct Pins {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    compacted: u64,
    /// How many reads hold each revision.
    held: BTreeMap<u64, usize>,
}

/// Holds a revision until it is dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Arc<Pins>,
    pub(crate) revision: u64,
}

impl Pins {
    pub(crate) fn new(compacted: u64) -> Self {
        Self {
            state: Mutex::new(State {
                compacted,
                held: BTreeMap::new(),
            }),
        }
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.state.lock().compacted
    }

    pub(crate) fn set_compacted(&self, revision: u64) {
        self.state.lock().compacted = revision;
    }

    /// What no read needs any more: everything that is only seen before this revision.
    pub(crate) fn horizon(&self) -> u64 {
        let state = self.state.lock();
        let oldest_held = state.held.keys().next().copied();
        state.compacted.min(oldest_held.unwrap_or(u64::MAX))
    }

    /// Pins the revision to read at, if it can be read. `current` is asked while nothing can be compacted.
    pub(crate) fn pin(
        self: &Arc<Self>,
        at: Option<Revision>,
        current: impl FnOnce() -> u64,
    ) -> Result<Pin, StoreError> {
        let mut state = self.state.lock();
        let window = RevisionWindow {
            compacted: Revision::new(state.compacted),
            current: Revision::new(current()),
        };
        let revision = window.readable(at)?.get();
        *state.held.entry(revision).or_default() += 1;
        Ok(Pin {
            pins: self.clone(),
            revision,
        })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.pins.state.lock();
        if let Some(count) = state.held.get_mut(&self.revision) {
            *count -= 1;
            if *count == 0 {
                state.held.remove(&self.revision);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_holds_the_horizon_back() {
        let pins = Arc::new(Pins::new(3));
        let pin = pins.pin(Some(Revision::new(5)), || 9).expect("it can be read");
        pins.set_compacted(8);
        assert_eq!((pins.horizon(), pins.compacted()), (5, 8));
        assert!(pins.pin(Some(Revision::new(5)), || 9).is_err());
        drop(pin);
        assert_eq!(pins.horizon(), 8);
    }
}
