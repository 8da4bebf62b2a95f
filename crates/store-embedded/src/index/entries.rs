//! The versions of each key, found by the key's hash.
//!
//! Entries lie in chunks and stay where they are, so that the order of the keys can name them by number, and that growing never
//! copies them. The table beside them has a part of each key's hash: it grows without a look at the keys.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use store::Key;
use twox_hash::XxHash3_64;

use crate::version::Versions;

/// So many entries lie in a chunk.
const CHUNK: usize = 1 << 10;

/// Which entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

/// All entries.
#[derive(Debug)]
pub(super) struct Entries {
    chunks: Vec<Vec<Entry>>,
    /// Entries that are not in use.
    free: Vec<Slot>,
    table: HashTable<Hashed>,
    /// What hashes begin with: nobody outside can tell which keys have the same.
    seed: u64,
}

#[derive(Debug)]
struct Entry {
    key: Option<Key>,
    versions: Versions,
}

/// A part of the hash of a key, and where the key is.
#[derive(Clone, Copy, Debug)]
struct Hashed {
    hash: u32,
    slot: Slot,
}

impl Default for Entries {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Entries {
    /// With room for so many.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            table: HashTable::with_capacity(count),
            seed: RandomState::new().hash_one(()),
        }
    }

    /// The versions of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Versions> {
        self.find(key).map(|slot| self.at(slot))
    }

    /// The versions of a key.
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Versions> {
        let slot = self.find(key)?;
        Some(&mut self.entry_mut(slot).versions)
    }

    /// Where a key is, if it is anywhere.
    pub(super) fn find(&self, key: &[u8]) -> Option<Slot> {
        let hash = self.hash(key);
        let found = self.table.find(spread(hash), |known| self.is(known, hash, key));
        found.map(|hashed| hashed.slot)
    }

    /// The versions that are there.
    pub(super) fn at(&self, slot: Slot) -> &Versions {
        &self.chunks[slot.chunk()][slot.place()].versions
    }

    /// The key and the versions that are there.
    ///
    /// # Panics
    /// If the slot is not in use.
    pub(super) fn at_mut(&mut self, slot: Slot) -> (&Key, &mut Versions) {
        let Entry { key, versions } = self.entry_mut(slot);
        (key.as_ref().expect("slots that are named are in use"), versions)
    }

    /// Adds a key that is not there.
    pub(super) fn add(&mut self, key: Key, versions: Versions) -> Slot {
        let hash = self.hash(&key);
        let entry = Entry {
            key: Some(key),
            versions,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.entry_mut(slot) = entry;
                slot
            }
            None => self.push(entry),
        };
        let hashed = Hashed { hash, slot };
        self.table
            .insert_unique(spread(hash), hashed, |known| spread(known.hash));
        slot
    }

    /// Takes a key out with all its versions.
    pub(super) fn remove(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        let Self { table, chunks, .. } = self;
        let is_it = |known: &Hashed| known.hash == hash && entry(chunks, known.slot).has(key);
        if let Ok(found) = table.find_entry(spread(hash), is_it) {
            let (Hashed { slot, .. }, _) = found.remove();
            *self.entry_mut(slot) = Entry {
                key: None,
                versions: Versions::new(),
            };
            self.free.push(slot);
        }
    }

    fn push(&mut self, entry: Entry) -> Slot {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let last = self.chunks.last_mut().expect("there is one");
        last.push(entry);
        let number = u32::try_from(before + last.len() - 1);
        Slot(number.expect("four thousand million keys do not fit into memory"))
    }

    fn is(&self, known: &Hashed, hash: u32, key: &[u8]) -> bool {
        known.hash == hash && entry(&self.chunks, known.slot).has(key)
    }

    fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.chunks[slot.chunk()][slot.place()]
    }

    fn hash(&self, key: &[u8]) -> u32 {
        XxHash3_64::oneshot_with_seed(self.seed, key) as u32
    }
}

fn entry(chunks: &[Vec<Entry>], slot: Slot) -> &Entry {
    &chunks[slot.chunk()][slot.place()]
}

/// The table looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Entry {
    fn has(&self, key: &[u8]) -> bool {
        self.key.as_deref() == Some(key)
    }
}

impl Slot {
    fn chunk(self) -> usize {
        self.0 as usize / CHUNK
    }

    fn place(self) -> usize {
        self.0 as usize % CHUNK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    fn key(number: u64) -> Key {
        format!("/registry/pods/{number}").as_str().into()
    }

    fn revisions(entries: &Entries, number: u64) -> Option<Vec<u64>> {
        let versions = entries.get(&key(number))?;
        Some(versions.iter().map(|version| version.revision).collect())
    }

    #[test]
    fn keys_are_found_until_they_are_taken_out() {
        let mut entries = Entries::default();
        let many = 3 * CHUNK as u64;
        for number in 0..many {
            let versions = Versions::from_iter([Version::deletion(number)]);
            assert_eq!(entries.find(&key(number)), None);
            let slot = entries.add(key(number), versions);
            assert_eq!(entries.find(&key(number)), Some(slot));
        }
        (0..many)
            .step_by(3)
            .for_each(|number| entries.remove(&key(number)));
        for number in 0..many {
            let expected = (number % 3 > 0).then(|| vec![number]);
            assert_eq!(revisions(&entries, number), expected);
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut entries = Entries::default();
        let slots = [1, 2].map(|number| entries.add(key(number), Versions::new()));
        entries.remove(&key(1));
        entries.remove(&key(7));
        assert_eq!(entries.add(key(3), Versions::new()), slots[0]);
        assert_eq!(entries.at_mut(slots[0]).0, &key(3));
        assert_eq!(entries.find(&key(1)), None);
        assert_eq!(entries.find(&key(2)), Some(slots[1]));
    }
}
