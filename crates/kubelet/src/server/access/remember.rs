//! Answers of the API server, remembered for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A bounded map whose entries grow old.
pub struct Remembered<K, V> {
    capacity: usize,
    entries: Mutex<HashMap<K, (Instant, V)>>,
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: Mutex::default(),
        }
    }

    /// What was remembered, if it still holds.
    pub fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries.lock();
        let (until, value) = entries.get(key)?;
        (*until > Instant::now()).then(|| value.clone())
    }

    /// Remembers for a time. When full, what is old goes; if nothing is, everything.
    pub fn insert(&self, key: K, value: V, lifetime: Duration) {
        let mut entries = self.entries.lock();
        let now = Instant::now();
        if entries.len() >= self.capacity {
            entries.retain(|_, (until, _)| *until > now);
        }
        if entries.len() >= self.capacity {
            entries.clear();
        }
        entries.insert(key, (now + lifetime, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_grow_old_and_are_bounded() {
        let remembered = Remembered::new(4);
        remembered.insert(0, "a", Duration::from_secs(10));
        assert_eq!(remembered.get(&0), Some("a"));
        remembered.insert(0, "a", Duration::ZERO);
        assert_eq!(remembered.get(&0), None);
        for key in 0..100 {
            remembered.insert(key, "b", Duration::from_secs(10));
            assert!(remembered.entries.lock().len() <= 4);
            assert_eq!(remembered.get(&key), Some("b"));
        }
    }
}
