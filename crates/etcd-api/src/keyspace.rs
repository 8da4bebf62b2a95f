//! Keys as etcd's requests name them, and the keys that this crate keeps its own things under.
//!
//! What etcd knows and a state store does not (leases, which keys are attached to them, who the member is) lies in the same store,
//! under a prefix that clients neither see nor may write to.

use store::{Key, KeyRange};

/// What all keys of this crate begin with. It is no key of Kubernetes, and hardly anybody's.
const OWN: &[u8] = b"\0pintle.etcd/";
const IDENTITY: &[u8] = b"\0pintle.etcd/identity";
const LEASES: &[u8] = b"\0pintle.etcd/lease/";
const ATTACHMENTS: &[u8] = b"\0pintle.etcd/attached/";

/// Where it is kept who this is.
pub(crate) fn identity() -> Key {
    Key::from(IDENTITY)
}

/// Where a lease is kept.
pub(crate) fn lease(id: i64) -> Key {
    Key::new([LEASES, &id.to_be_bytes()].concat())
}

/// All leases.
pub(crate) fn leases() -> KeyRange {
    KeyRange::prefix(LEASES)
}

/// Where it is kept to which lease a key is attached.
pub(crate) fn attachment(key: &[u8]) -> Key {
    Key::new([ATTACHMENTS, key].concat())
}

/// The attachments of the keys of a range.
pub(crate) fn attachments(range: &KeyRange) -> KeyRange {
    let start = attachment(&range.start);
    match &range.end {
        Some(end) => KeyRange::between(start, attachment(end)),
        None => KeyRange {
            start,
            end: KeyRange::prefix(ATTACHMENTS).end,
        },
    }
}

/// The key whose attachment this is the key of.
pub(crate) fn attached(attachment: &[u8]) -> Option<&[u8]> {
    attachment.strip_prefix(ATTACHMENTS)
}

/// The lease this is the key of.
pub(crate) fn lease_id(key: &[u8]) -> Option<i64> {
    let id = key.strip_prefix(LEASES)?.try_into().ok()?;
    Some(i64::from_be_bytes(id))
}

/// Whether the key is none of the clients'.
pub(crate) fn is_own(key: &[u8]) -> bool {
    key.starts_with(OWN)
}

/// The range of a request: one key without an end, all from `key` on with the end `\0`.
pub(crate) fn requested(key: &[u8], end: &[u8]) -> KeyRange {
    match end {
        [] => KeyRange::single(Key::from(key)),
        [0] => KeyRange::from(key),
        end => KeyRange::between(key, end),
    }
}

/// Whether a request with this end is for one key.
pub(crate) fn is_single(end: &[u8]) -> bool {
    end.is_empty()
}

/// What clients may see of a range: itself, nearly always; otherwise what lies before and behind the own keys.
pub(crate) fn visible(range: KeyRange) -> Vec<KeyRange> {
    let own = KeyRange::prefix(OWN);
    let own_end = own.end.clone().unwrap_or_else(|| own.start.clone());
    let is_before = range.end.as_ref().is_some_and(|end| *end <= own.start);
    if is_before || range.start >= own_end {
        return vec![range];
    }
    let before = KeyRange::between(range.start.clone(), own.start.clone());
    let behind = KeyRange {
        start: range.start.max(own_end),
        end: range.end,
    };
    [before, behind]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_name_ranges() {
        assert_eq!(requested(b"a", b""), KeyRange::single("a".into()));
        assert_eq!(requested(b"a", b"\0"), KeyRange::from("a"));
        assert_eq!(requested(b"a", b"b"), KeyRange::between("a", "b"));
        assert_eq!(requested(b"b", b"a"), KeyRange::between("b", "a"));
    }

    #[test]
    fn own_keys_are_cut_out() {
        let plain = KeyRange::prefix("/registry/");
        assert_eq!(visible(plain.clone()), vec![plain]);
        let everything = visible(requested(b"\0", b"\0"));
        assert_eq!(everything.len(), 2);
        for key in [identity(), lease(7), attachment(b"a")] {
            assert!(is_own(&key));
            assert!(!everything.iter().any(|part| part.contains(&key)));
        }
        for key in [&b"\0"[..], b"\0a", b"\0pintle.etcd0", b"a", b"\xff"] {
            assert!(!is_own(key));
            assert!(everything.iter().any(|part| part.contains(key)));
        }
        assert!(visible(KeyRange::single(identity())).is_empty());
    }

    #[test]
    fn attachments_are_found_again() {
        let key = attachment(b"/registry/events/a");
        assert_eq!(attached(&key), Some(&b"/registry/events/a"[..]));
        assert!(attachments(&KeyRange::prefix("/registry/")).contains(&key));
        assert!(attachments(&KeyRange::all()).contains(&key));
        assert!(!attachments(&KeyRange::prefix("/other/")).contains(&key));
        assert_eq!(lease_id(&lease(-3)), Some(-3));
        assert_eq!(lease_id(&key), None);
    }
}
