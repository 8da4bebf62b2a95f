//! Values that many objects have in common are in memory once.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Labels;

/// A value that equal ones share their memory with, for as long as one of them is held.
pub struct Shared<T: ?Sized>(Arc<T>);

/// What can be shared: it is found by what it serializes to.
trait Common: Serialize + PartialEq + Send + Sync + 'static {}
impl<T: ?Sized + Serialize + PartialEq + Send + Sync + 'static> Common for T {}

/// The values of one type that are held, by the hash of what they serialize to.
struct Table<T: ?Sized> {
    held: HashMap<u64, Weak<T>>,
    /// So many entries are looked through for such as nobody holds any more.
    sweep_at: usize,
}

/// Fewer entries than these are not looked through.
const FIRST_SWEEP: usize = 1024;

static TABLES: LazyLock<Mutex<HashMap<TypeId, Box<dyn Any + Send>>>> = LazyLock::new(Mutex::default);

impl<T: ?Sized> Default for Table<T> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            sweep_at: FIRST_SWEEP,
        }
    }
}

impl<T: ?Sized + PartialEq> Table<T> {
    fn find(&self, hash: u64, value: &T) -> Option<Arc<T>> {
        // Another value of the same hash, if there ever is one, is held on its own.
        self.held.get(&hash)?.upgrade().filter(|held| **held == *value)
    }

    fn insert(&mut self, hash: u64, value: &Arc<T>) {
        if self.held.len() >= self.sweep_at {
            self.held.retain(|_, held| held.strong_count() > 0);
            self.held.shrink_to(self.held.len() * 2);
            self.sweep_at = FIRST_SWEEP.max(self.held.len() * 2);
        }
        self.held.insert(hash, Arc::downgrade(value));
    }
}

/// A hasher that takes what a serializer writes.
struct Hashing(DefaultHasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash<T: ?Sized + Serialize>(value: &T) -> u64 {
    let mut hashing = Hashing(DefaultHasher::new());
    // What cannot be serialized in full has a hash all the same: equality is looked at as well.
    let _ = serde_json::to_writer(&mut hashing, value);
    hashing.0.finish()
}

fn share<T, O>(value: O) -> Shared<T>
where
    T: ?Sized + Common,
    O: Borrow<T>,
    Arc<T>: From<O>,
{
    let hash = hash(value.borrow());
    let mut tables = TABLES.lock();
    let table = tables
        .entry(TypeId::of::<T>())
        .or_insert_with(|| Box::new(Table::<T>::default()));
    let Some(table) = table.downcast_mut::<Table<T>>() else {
        return Shared(Arc::from(value));
    };
    if let Some(held) = table.find(hash, value.borrow()) {
        return Shared(held);
    }
    let value = Arc::from(value);
    table.insert(hash, &value);
    Shared(value)
}

impl<T: Common> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        share(value)
    }
}

impl<T: Common> From<Vec<T>> for Shared<[T]>
where
    [T]: Common,
{
    fn from(values: Vec<T>) -> Self {
        share(values)
    }
}

impl From<String> for Shared<str> {
    fn from(text: String) -> Self {
        share(text)
    }
}

impl From<&str> for Shared<str> {
    fn from(text: &str) -> Self {
        share(text)
    }
}

impl From<BTreeMap<String, String>> for Shared<Labels> {
    fn from(labels: BTreeMap<String, String>) -> Self {
        share(Labels::from(labels))
    }
}

impl<const N: usize> From<[(String, String); N]> for Shared<Labels> {
    fn from(labels: [(String, String); N]) -> Self {
        share(Labels::from_iter(labels))
    }
}

impl<T: Common + FromIterator<A>, A> FromIterator<A> for Shared<T> {
    fn from_iter<I: IntoIterator<Item = A>>(items: I) -> Self {
        share(T::from_iter(items))
    }
}

impl<T: Common> FromIterator<T> for Shared<[T]>
where
    [T]: Common,
{
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        share(Vec::from_iter(items))
    }
}

impl<T: Common + Default> Default for Shared<T> {
    fn default() -> Self {
        share(T::default())
    }
}

impl<T: Common> Default for Shared<[T]>
where
    [T]: Common,
{
    fn default() -> Self {
        share(Vec::new())
    }
}

impl Default for Shared<str> {
    fn default() -> Self {
        share("")
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Shared<T> {
    /// The value, for changes that others who share it do not see.
    pub fn make_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || *self.0 == *other.0
    }
}

impl PartialEq<str> for Shared<str> {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Shared<str> {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl<'a, T: ?Sized> IntoIterator for &'a Shared<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&*self.0).into_iter()
    }
}

impl<T: ?Sized + Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Common + Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(share)
    }
}

impl<'de, T: Common + Deserialize<'de>> Deserialize<'de> for Shared<[T]>
where
    [T]: Common,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(share)
    }
}

impl<'de> Deserialize<'de> for Shared<str> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_one<T: ?Sized>(one: &Shared<T>, other: &Shared<T>) -> bool {
        Arc::ptr_eq(&one.0, &other.0)
    }

    #[test]
    fn equal_values_are_there_once() {
        let text = Shared::<str>::from("some text of this test");
        assert!(is_one(&text, &Shared::from("some text of this test".to_owned())));
        assert!(!is_one(&text, &Shared::from("another")));
        let list = |last: i32| Shared::from(vec![7_654_321, last]);
        assert!(is_one(&list(1), &list(1)) || list(1) == list(1));
        let held = list(2);
        assert!(is_one(&held, &list(2)) && held != list(3));
        let read: Shared<[i32]> = serde_json::from_str("[7654321,2]").unwrap();
        assert!(is_one(&held, &read));
        assert_eq!(serde_json::to_string(&read).unwrap(), "[7654321,2]");
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        #[derive(PartialEq, Serialize)]
        struct Own(usize);
        for number in 0..10 * FIRST_SWEEP {
            drop(Shared::from(Own(number)));
        }
        let tables = TABLES.lock();
        let table = tables[&TypeId::of::<Own>()].downcast_ref::<Table<Own>>().unwrap();
        assert!(table.held.len() <= FIRST_SWEEP);
    }
}
