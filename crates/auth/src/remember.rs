//! What was expensive to find out, remembered for a while: a bounded map from a digest.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use parking_lot::Mutex;

/// Keys are SHA-256 digests, so that what they are made of (tokens) is not kept.
pub(crate) type Digest = [u8; 32];

/// Two generations of at most `capacity` entries each. When the young one is full it becomes the old one, and the old one
/// is forgotten; what is asked for stays young.
pub(crate) struct Remembered<V> {
    capacity: usize,
    generations: Mutex<Generations<V>>,
}

struct Generations<V> {
    young: HashMap<Digest, Arc<V>>,
    old: HashMap<Digest, Arc<V>>,
}

impl<V> Remembered<V> {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }

    pub fn get(&self, key: &Digest) -> Option<Arc<V>> {
        let mut generations = self.generations.lock();
        if let Some(value) = generations.young.get(key) {
            return Some(Arc::clone(value));
        }
        let value = generations.old.remove(key)?;
        self.insert_into(&mut generations, *key, Arc::clone(&value));
        Some(value)
    }

    pub fn insert(&self, key: Digest, value: V) -> Arc<V> {
        let value = Arc::new(value);
        self.insert_into(&mut self.generations.lock(), key, Arc::clone(&value));
        value
    }

    fn insert_into(&self, generations: &mut Generations<V>, key: Digest, value: Arc<V>) {
        if generations.young.len() >= self.capacity {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, value);
    }
}

/// The digest of several parts, one after the other.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut context = Context::new(&SHA256);
    parts.into_iter().for_each(|part| context.update(part));
    let mut digest = Digest::default();
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let remembered = Remembered::new(4);
        let key = |n: u8| digest([&[n][..]]);
        for n in 0..40 {
            remembered.insert(key(n), n);
            assert_eq!(remembered.get(&key(0)).as_deref(), Some(&0), "after {n}");
        }
        let held = (0..40).filter(|&n| remembered.get(&key(n)).is_some()).count();
        assert!(held <= 8, "{held}");
    }
}
