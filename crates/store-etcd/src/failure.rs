//! What became of a request that failed: refused by etcd, surely not done, or nobody knows.

use store::StoreError;
use tonic::{Code, Status};

use crate::describe;

/// The largest request of an etcd of the usual configuration.
pub(crate) const LARGEST_REQUEST: usize = 3 << 19;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// etcd refused the request for what it is. Asking again does not help.
    Refused(StoreError),
    /// The revision is compacted.
    Compacted,
    /// The revision is in the future.
    Future,
    /// There is no such lease.
    NoLease,
    /// The request was not taken: no connection, no leader, too much to do. Nothing was changed.
    NotTaken(String),
    /// The answer was lost, or etcd does not know itself.
    Lost(String),
}

impl Failure {
    /// What a status means.
    pub(crate) fn of(status: &Status) -> Self {
        if describe::never_sent(status) {
            return Self::NotTaken(describe::cause(status).text);
        }
        let message = status.message();
        let has = |part: &str| message.contains(part);
        let text = || format!("{} ({:?})", message, status.code());
        let too_large = || {
            Self::Refused(StoreError::TooLarge {
                size: 0,
                limit: LARGEST_REQUEST,
            })
        };
        match status.code() {
            Code::OutOfRange if has("has been compacted") => Self::Compacted,
            Code::OutOfRange if has("future revision") => Self::Future,
            Code::OutOfRange => too_large(),
            Code::InvalidArgument if has("request is too large") => too_large(),
            Code::InvalidArgument if has("too many operations") => Self::Refused(StoreError::Invalid(
                "etcd takes fewer operations in one transaction, see its flag --max-txn-ops",
            )),
            Code::InvalidArgument => Self::Refused(StoreError::Invalid("etcd does not take the request")),
            Code::ResourceExhausted if has("space exceeded") => Self::Refused(StoreError::DiskFull),
            Code::ResourceExhausted if has("too many requests") => Self::NotTaken(text()),
            Code::ResourceExhausted => too_large(),
            Code::NotFound if has("lease not found") => Self::NoLease,
            Code::Unavailable if has("no leader") => Self::NotTaken(text()),
            Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
            | Code::FailedPrecondition => Self::Refused(StoreError::Unavailable(format!(
                "etcd refuses the request: {}",
                text()
            ))),
            Code::NotFound | Code::DataLoss => Self::Refused(StoreError::Unavailable(text())),
            _ if message.is_empty() || has("transport error") => Self::Lost(describe::cause(status).text),
            _ => Self::Lost(text()),
        }
    }

    /// Whether the next member may do better. `repeatable` says that it is no harm if the request is done twice.
    pub(crate) fn may_try_again(&self, repeatable: bool) -> bool {
        match self {
            Self::NotTaken(_) => true,
            Self::Lost(_) => repeatable,
            _ => false,
        }
    }

    /// Names the member it happened at.
    pub(crate) fn at(self, endpoint: &impl std::fmt::Display) -> Self {
        match self {
            Self::NotTaken(text) => Self::NotTaken(format!("{endpoint}: {text}")),
            Self::Lost(text) => Self::Lost(format!("{endpoint}: {text}")),
            other => other,
        }
    }

    /// As the failure of a read, which changes nothing anyway.
    pub(crate) fn of_read(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::NotTaken(text) | Self::Lost(text) => StoreError::Unavailable(text),
            Self::Compacted => {
                StoreError::Unavailable("etcd says that the current revision is compacted".into())
            }
            Self::Future => {
                StoreError::Unavailable("etcd says that the current revision is not there".into())
            }
            Self::NoLease => StoreError::Unavailable("etcd does not know the lease".into()),
        }
    }

    /// As the failure of a write of `size` bytes.
    pub(crate) fn of_write(self, size: usize) -> StoreError {
        match self {
            Self::Lost(text) => StoreError::OutcomeUnknown(text),
            Self::Refused(StoreError::TooLarge { limit, .. }) => StoreError::TooLarge { size, limit },
            other => other.of_read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_says_is_understood() {
        let unavailable = Code::Unavailable;
        for (code, message, expected) in [
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
                "Compacted",
            ),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
                "Future",
            ),
            (
                Code::InvalidArgument,
                "etcdserver: request is too large",
                "Refused(TooLarge",
            ),
            (
                Code::InvalidArgument,
                "etcdserver: too many operations in txn request",
                "Refused(Invalid",
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
                "Refused(DiskFull",
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: too many requests",
                "NotTaken",
            ),
            (Code::NotFound, "etcdserver: requested lease not found", "NoLease"),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                "Refused(Unavailable",
            ),
            (unavailable, "etcdserver: no leader", "NotTaken"),
            (unavailable, "etcdserver: request timed out", "Lost"),
            (
                unavailable,
                "etcdserver: request timed out, possibly due to previous leader failure",
                "Lost",
            ),
            (unavailable, "etcdserver: server stopped", "Lost"),
            (Code::Unknown, "", "Lost"),
        ] {
            let found = format!("{:?}", Failure::of(&Status::new(code, message)));
            assert!(found.starts_with(expected), "{message}: {found}");
        }
    }

    #[test]
    fn only_a_lost_write_is_unknown() {
        let lost = Failure::Lost("gone".into());
        assert!(matches!(lost.clone().of_write(1), StoreError::OutcomeUnknown(_)));
        assert!(matches!(lost.clone().of_read(), StoreError::Unavailable(_)));
        assert!(lost.may_try_again(true) && !lost.may_try_again(false));
        let not_taken = Failure::NotTaken("no leader".into());
        assert!(not_taken.may_try_again(false));
        assert!(matches!(not_taken.of_write(1), StoreError::Unavailable(_)));
    }
}
