//! Keys and ranges of the store, as etcd has them: below the store's namespace.

use bytes::Bytes;
use etcd_rpc::message;
use store::{Event, Key, KeyRange, KeyValue, Revision};

use crate::answer::unsigned;

/// The range of etcd that has no end, and the first key there is.
const ZERO: &[u8] = b"\0";

/// A range as etcd has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhysicalRange {
    pub(crate) key: Bytes,
    /// Empty: the one key. A zero byte: no end.
    pub(crate) range_end: Bytes,
}

impl PhysicalRange {
    /// Every key of etcd.
    pub(crate) fn everything() -> Self {
        Self {
            key: Bytes::from_static(ZERO),
            range_end: Bytes::from_static(ZERO),
        }
    }
}

/// What the store's keys begin with in etcd.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    prefix: Vec<u8>,
    /// The first key after the namespace, if there is one.
    end: Option<Key>,
}

impl Namespace {
    pub(crate) fn new(prefix: Vec<u8>) -> Self {
        let end = KeyRange::prefix(prefix.clone()).end;
        Self { prefix, end }
    }

    /// The key in etcd.
    pub(crate) fn key(&self, key: &[u8]) -> Bytes {
        [&self.prefix, key].concat().into()
    }

    /// The range in etcd; none if it can hold no key.
    pub(crate) fn range(&self, range: &KeyRange) -> Option<PhysicalRange> {
        let mut start = self.key(&range.start);
        if start.is_empty() {
            start = Bytes::from_static(ZERO);
        }
        let end = match &range.end {
            Some(end) => Some(self.key(end)),
            None => self.end.as_ref().map(|end| Bytes::copy_from_slice(end)),
        };
        let range_end = match end {
            Some(end) if end <= start => return None,
            // The one key, which etcd finds faster if it is told so.
            Some(end) if end.strip_suffix(ZERO).is_some_and(|key| *key == *start) => Bytes::new(),
            Some(end) => end,
            None => Bytes::from_static(ZERO),
        };
        Some(PhysicalRange {
            key: start,
            range_end,
        })
    }

    /// A key of etcd as the store's; none if it is not in the namespace.
    pub(crate) fn strip(&self, key: &[u8]) -> Option<Key> {
        key.strip_prefix(&*self.prefix).map(Key::from)
    }

    /// What etcd says of a key, in the store's words.
    pub(crate) fn key_value(&self, found: message::KeyValue) -> Option<KeyValue> {
        Some(KeyValue {
            key: self.strip(&found.key)?,
            // A copy: the bytes share the memory of the whole answer, and one that stays would keep all of it.
            value: Bytes::copy_from_slice(&found.value),
            create_revision: revision(found.create_revision),
            mod_revision: revision(found.mod_revision),
            version: unsigned(found.version),
        })
    }

    /// A change in the store's words.
    pub(crate) fn event(&self, event: message::Event) -> Option<Event> {
        let is_delete = event.r#type() == message::EventType::Delete;
        let previous = event.prev_kv.and_then(|previous| self.key_value(previous));
        let current = event.kv?;
        Some(if is_delete {
            Event::Delete {
                key: self.strip(&current.key)?,
                revision: revision(current.mod_revision),
                previous,
            }
        } else {
            Event::Put {
                current: self.key_value(current)?,
                previous,
            }
        })
    }
}

/// A revision of etcd.
pub(crate) fn revision(number: i64) -> Revision {
    Revision::new(unsigned(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn physical(namespace: &str, range: &KeyRange) -> Option<(String, String)> {
        let found = Namespace::new(namespace.into()).range(range)?;
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Some((text(&found.key), text(&found.range_end)))
    }

    #[test]
    fn ranges_become_those_of_etcd() {
        let single = KeyRange::single("a".into());
        let backward = KeyRange::between("b", "a");
        let open = KeyRange::from("b");
        for (namespace, range, expected) in [
            ("", KeyRange::all(), Some(("\\x00", "\\x00"))),
            (
                "",
                KeyRange::prefix("/registry/"),
                Some(("/registry/", "/registry0")),
            ),
            ("", single.clone(), Some(("a", ""))),
            ("", open.clone(), Some(("b", "\\x00"))),
            ("", backward.clone(), None),
            ("", KeyRange::between("", "\0"), None),
            ("n/", KeyRange::all(), Some(("n/", "n0"))),
            ("n/", single, Some(("n/a", ""))),
            ("n/", open, Some(("n/b", "n0"))),
            ("n/", backward, None),
        ] {
            let expected = expected.map(|(key, end)| (key.to_owned(), end.to_owned()));
            assert_eq!(physical(namespace, &range), expected, "{namespace} {range:?}");
        }
    }

    #[test]
    fn other_keys_are_not_the_stores() {
        let namespace = Namespace::new(b"n/".to_vec());
        assert_eq!(namespace.strip(b"n/a"), Some("a".into()));
        assert_eq!(namespace.strip(b"m/a"), None);
    }
}
