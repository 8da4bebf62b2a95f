//! What all answers have in common.

use etcd_rpc::message::*;

/// An answer with a header.
pub(crate) trait Answer {
    fn header(&self) -> Option<&ResponseHeader>;
}

macro_rules! answers {
    ($($message:ty),*) => {
        $(impl Answer for $message {
            fn header(&self) -> Option<&ResponseHeader> {
                self.header.as_ref()
            }
        })*
    };
}

answers!(
    RangeResponse,
    TxnResponse,
    HeaderOnly,
    LeaseGrantResponse,
    LeaseTimeToLiveResponse,
    StatusResponse,
    WatchResponse
);

/// The revision in the header.
pub(crate) fn revision(answer: &impl Answer) -> u64 {
    answer.header().map_or(0, |header| unsigned(header.revision))
}

/// etcd counts with signed numbers that are never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A revision as etcd wants it. What is beyond its numbers never was.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
