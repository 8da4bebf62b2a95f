//! Reading a range in pages, all at one revision, so that no answer is too large.

use bytes::Bytes;
use etcd_rpc::message::{KeyValue, RangeRequest, RangeResponse};

use crate::answer::{revision, signed};
use crate::connections::{Connections, needs_leader};
use crate::failure::Failure;
use crate::keys::PhysicalRange;

/// The first page has so many keys: a megabyte and a half each at most.
const FIRST_PAGE: usize = 100;
/// Later ones about so many bytes.
const PAGE_BYTES: usize = 4 << 20;
const LARGEST_PAGE: usize = 10_000;

/// Asks etcd once.
pub(crate) async fn range(
    connections: &Connections,
    request: RangeRequest,
) -> Result<RangeResponse, Failure> {
    connections
        .send(connections.reading(), |member| {
            let request = needs_leader(request.clone());
            async move { member.kv().range(request).await }
        })
        .await
}

/// The pages of a range.
pub(crate) struct Pages {
    request: RangeRequest,
    /// How many keys are still wanted.
    wanted: usize,
    page: usize,
    is_over: bool,
}

impl Pages {
    /// At most `wanted` keys of a range, now or at a revision.
    pub(crate) fn new(range: PhysicalRange, at: Option<u64>, wanted: usize, keys_only: bool) -> Self {
        let request = RangeRequest {
            key: range.key,
            range_end: range.range_end,
            revision: signed(at.unwrap_or(0)),
            keys_only,
            ..RangeRequest::default()
        };
        Self {
            request,
            wanted,
            page: if keys_only { LARGEST_PAGE } else { FIRST_PAGE },
            is_over: false,
        }
    }

    /// The next page; none after the last. `more` and `count` speak of the range from the page on.
    pub(crate) async fn next(&mut self, connections: &Connections) -> Result<Option<RangeResponse>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        self.request.limit = signed(self.page.min(self.wanted) as u64);
        let answer = range(connections, self.request.clone()).await?;
        if self.request.revision == 0 {
            self.request.revision = signed(revision(&answer));
        }
        self.wanted -= answer.kvs.len().min(self.wanted);
        match answer.kvs.last() {
            Some(last) if answer.more && self.wanted > 0 => {
                self.request.key = successor(&last.key);
                self.page = page_after(&answer.kvs);
            }
            _ => self.is_over = true,
        }
        Ok(Some(answer))
    }

    /// The revision that is read, once the first page is there.
    pub(crate) fn revision(&self) -> u64 {
        crate::answer::unsigned(self.request.revision)
    }
}

fn successor(key: &[u8]) -> Bytes {
    [key, b"\0"].concat().into()
}

/// How many keys are likely to fill a page, after this one.
fn page_after(page: &[KeyValue]) -> usize {
    let bytes: usize = page
        .iter()
        .map(|found| found.key.len() + found.value.len() + 32)
        .sum();
    let each = bytes / page.len().max(1);
    (PAGE_BYTES / each.max(1))
        .clamp(1, LARGEST_PAGE)
        .min(page.len() * 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_the_size_of_values() {
        let page = |count: usize, size: usize| {
            vec![
                KeyValue {
                    value: vec![0; size].into(),
                    ..KeyValue::default()
                };
                count
            ]
        };
        assert_eq!(page_after(&page(100, 1 << 20)), 3);
        assert_eq!(page_after(&page(100, 4064)), 1024);
        assert_eq!(page_after(&page(100, 0)), 1600, "growth is bounded");
        assert_eq!(page_after(&page(5000, 0)), LARGEST_PAGE);
    }
}
