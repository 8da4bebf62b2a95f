//! Reading keys at a revision, a few at a time, so that nobody waits for long.

use store::{Key, KeyRange, Projection, RangeRequest, RangeResponse, Revision, StoreError};

use super::Engine;
use crate::history::Change;
use crate::located::{Located, read_all};
use crate::pins::Pin;
use crate::version::Version;

/// So many keys are looked up before others get a turn at the state.
const KEYS_AT_ONCE: usize = 1000;

/// So many keys are counted before others get a turn at the state.
const KEYS_COUNTED_AT_ONCE: usize = 20_000;

/// So many keys are read where nobody may be kept waiting.
const KEYS_READ_AT_ONCE: usize = 32;

impl Engine {
    /// Holds a revision, the current one if none is named, until the pin is dropped.
    pub(crate) fn pin(&self, at: Option<Revision>) -> Result<Pin, StoreError> {
        self.pins.pin(at, || self.history.current())
    }

    /// Reads a range.
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, StoreError> {
        let pin = self.pin(request.at)?;
        let mut response = empty_response(&pin);
        let mut rest = request.range.clone();
        let mut wanted = wanted(request);
        while wanted > 0
            && let Some(mut page) = self.page(&mut rest, &pin)
        {
            response.count += page.len();
            response.more |= page.len() > wanted;
            page.truncate(wanted);
            wanted -= page.len();
            let found = match request.projection {
                Projection::KeysAndValues => read_all(&page)?,
                _ => page.iter().map(Located::without_value).collect(),
            };
            response.key_values.extend(found);
        }
        if wanted == 0 {
            let others = self.count(rest, &pin);
            response.count += others;
            response.more |= others > 0 && request.projection != Projection::CountOnly;
        }
        Ok(response)
    }

    /// Reads a range if it is small and takes no waiting for the disk.
    pub(crate) fn range_at_once(&self, request: &RangeRequest) -> Result<Option<RangeResponse>, StoreError> {
        let pin = self.pin(request.at)?;
        let mut response = empty_response(&pin);
        let mut wanted = wanted(request);
        let found: Vec<Located> = {
            let state = self.state.read();
            let found = state.index.range(&request.range, pin.revision);
            found
                .take(KEYS_READ_AT_ONCE + 1)
                .map(|(key, version)| state.segments.locate(key, version))
                .collect()
        };
        if found.len() > KEYS_READ_AT_ONCE {
            return Ok(None);
        }
        response.count = found.len();
        response.more = found.len() > wanted && request.projection != Projection::CountOnly;
        for located in &found {
            if wanted == 0 {
                break;
            }
            wanted -= 1;
            let found = match request.projection {
                Projection::KeysAndValues => located.read_cached()?,
                _ => Some(located.without_value()),
            };
            match found {
                Some(found) => response.key_values.push(found),
                None => return Ok(None),
            }
        }
        Ok(Some(response))
    }

    /// How many keys a range holds at a pinned revision.
    fn count(&self, mut rest: KeyRange, pin: &Pin) -> usize {
        let mut count = 0;
        loop {
            let state = self.state.read();
            let mut last: Option<&Key> = None;
            let mut counted = 0;
            for (key, _) in state.index.range(&rest, pin.revision).take(KEYS_COUNTED_AT_ONCE) {
                counted += 1;
                last = Some(key);
            }
            count += counted;
            match last {
                Some(last) if counted == KEYS_COUNTED_AT_ONCE => rest.start = last.successor(),
                _ => return count,
            }
        }
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

/// How many keys are to be answered.
fn wanted(request: &RangeRequest) -> usize {
    match request.projection {
        Projection::CountOnly => 0,
        _ => request.limit.unwrap_or(usize::MAX),
    }
}

fn empty_response(pin: &Pin) -> RangeResponse {
    RangeResponse {
        revision: Revision::new(pin.revision),
        key_values: Vec::new(),
        more: false,
        count: 0,
    }
}
