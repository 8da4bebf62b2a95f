//! Objects in protobuf: made by the first who asks, and kept as long as there is room.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

/// The bytes kept in this process, whatever the number of objects.
const MAX_BYTES: usize = 128 << 20;

/// What is kept of one object.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    bytes: Mutex<Option<Bytes>>,
}

/// What is kept at present, the oldest first.
#[derive(Default)]
struct Kept {
    slots: VecDeque<(Weak<Slot>, usize)>,
    bytes: usize,
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

impl Slot {
    /// What is kept, if it still is.
    pub(crate) fn get(&self) -> Option<Bytes> {
        self.bytes.lock().clone()
    }

    /// Keeps bytes, and lets go of the oldest of other slots if there is no room.
    pub(crate) fn keep(self: &Arc<Self>, bytes: Bytes) {
        let size = bytes.len();
        if self.bytes.lock().replace(bytes).is_none() {
            KEPT.lock().add(Arc::downgrade(self), size, MAX_BYTES);
        }
    }
}

impl Kept {
    fn add(&mut self, slot: Weak<Slot>, size: usize, max_bytes: usize) {
        self.slots.push_back((slot, size));
        self.bytes += size;
        while self.bytes > max_bytes {
            let Some((oldest, size)) = self.slots.pop_front() else {
                return;
            };
            self.bytes -= size;
            if let Some(slot) = oldest.upgrade() {
                *slot.bytes.lock() = None;
            }
        }
        // What has gone with its object takes no room but here.
        while self
            .slots
            .front()
            .is_some_and(|(slot, _)| slot.strong_count() == 0)
        {
            let gone = self.slots.pop_front();
            self.bytes -= gone.map_or(0, |(_, size)| size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut kept = Kept::default();
        let slots: Vec<Arc<Slot>> = (0..4).map(|_| Arc::default()).collect();
        for slot in &slots {
            *slot.bytes.lock() = Some(Bytes::from_static(b"0123456789"));
            kept.add(Arc::downgrade(slot), 10, 25);
        }
        let held: Vec<bool> = slots.iter().map(|slot| slot.get().is_some()).collect();
        assert_eq!((held, kept.bytes), (vec![false, false, true, true], 20));
        drop(slots);
        let last = Arc::<Slot>::default();
        kept.add(Arc::downgrade(&last), 1, 25);
        assert_eq!((kept.slots.len(), kept.bytes), (1, 1));
    }
}
