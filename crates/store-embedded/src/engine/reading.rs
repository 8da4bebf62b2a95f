//! Reading keys at a revision, a few at a time, so that nobody waits for long.

use store::{Key, KeyRange, Projection, RangeRequest, RangeResponse, Revision, StoreError};

use super::Engine;
use crate::history::Change;
use crate::pins::Pin;
use crate::segments::Located;
use crate::version::Version;

/// So many keys are looked up before others get a turn at the state.
const KEYS_AT_ONCE: usize = 1000;

impl Engine {
    /// Holds a revision, the current one if none is named, until the pin is dropped.
    pub(crate) fn pin(&self, at: Option<Revision>) -> Result<Pin, StoreError> {
        self.pins.pin(at, || self.history.current())
    }

    /// Reads a range.
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, StoreError> {
        let pin = self.pin(request.at)?;
        let limit = match request.projection {
            Projection::CountOnly => 0,
            _ => request.limit.unwrap_or(usize::MAX),
        };
        let mut response = RangeResponse {
            revision: Revision::new(pin.revision),
            key_values: Vec::new(),
            more: false,
            count: 0,
        };
        let mut rest = request.range.clone();
        while let Some(page) = self.page(&mut rest, &pin) {
            response.count += page.len();
            let wanted = limit - response.key_values.len();
            for found in page.iter().take(wanted) {
                response.key_values.push(match request.projection {
                    Projection::KeysAndValues => found.read()?,
                    _ => found.without_value(),
                });
            }
        }
        response.more =
            request.projection != Projection::CountOnly && response.count > response.key_values.len();
        Ok(response)
    }

    /// The next keys of a range at a pinned revision, and moves the range's start behind them; `None` at the
    /// end.
    pub(crate) fn page(&self, rest: &mut KeyRange, pin: &Pin) -> Option<Vec<Located>> {
        let state = self.state.read();
        let mut page = Vec::new();
        let mut last: Option<&Key> = None;
        for (key, version) in state.index.range(rest, pin.revision).take(KEYS_AT_ONCE) {
            page.push(state.segments.locate(key, version));
            last = Some(key);
        }
        rest.start = last?.successor();
        Some(page)
    }

    /// The value a change set, to be read from the disk; `None` if it has been forgotten.
    pub(crate) fn locate_current(&self, change: &Change) -> Option<Located> {
        let state = self.state.read();
        let version = state.index.exactly(&change.key, change.revision)?;
        Some(state.segments.locate(&change.key, version))
    }

    /// What a change replaced; `None` if that was nothing, or has been compacted.
    pub(crate) fn locate_previous(&self, change: &Change) -> Option<Located> {
        if change.is_create() || change.revision <= self.pins.compacted() {
            return None;
        }
        let state = self.state.read();
        let version: &Version = state.index.at(&change.key, change.revision - 1)?;
        Some(state.segments.locate(&change.key, version))
    }
}
