//! Gives every request an identity that its answer, logs and audit events name.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Nothing the API answers may be kept by caches, unless a handler says so.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-cache, private");

/// Puts the `Audit-Id` header on answers: the client's own, or a new one.
#[derive(Clone, Default)]
pub struct AuditId {
    ids: Arc<Ids>,
}

impl Filter for AuditId {
    const NAME: &'static str = "audit_id";
    const IS_TIMED: bool = false;

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        let id = match call.head.headers.get(&AUDIT_ID) {
            Some(id) if !id.is_empty() => id.clone(),
            _ => self.ids.next(),
        };
        // Other servers that the request is handed on to go on with it.
        call.head.headers.insert(AUDIT_ID, id.clone());
        let mut response = next.handle(call).await;
        // From here on the connection is another one's, and so is what is said of it.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let headers = response.headers_mut();
        headers.entry(CACHE_CONTROL).or_insert(NOT_KEPT);
        headers.insert(AUDIT_ID, id);
        response
    }
}

/// Makes identities that look like random UUIDs. They need to be different, not to be unpredictable: a counter hashed with
/// keys of this process is enough and asks the kernel for nothing.
#[derive(Default)]
struct Ids {
    keys: (RandomState, RandomState),
    count: AtomicU64,
}

impl Ids {
    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let high = self.keys.0.hash_one(count) & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = self.keys.1.hash_one(count) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        let mut text = Uuid::encode_buffer();
        let text = Uuid::from_u64_pair(high, low)
            .hyphenated()
            .encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_uuids_of_version_4() {
        let ids = Ids::default();
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first, second);
        let text = first.to_str().expect("text");
        let parts: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&text.as_bytes()[19]));
    }
}
