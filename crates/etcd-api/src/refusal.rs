//! Why a request is refused, in etcd's codes and words: its clients compare the texts.

use store::StoreError;
use thiserror::Error;
use tonic::{Code, Status};

/// Why a request is refused.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    #[error("etcdserver: key not found")]
    KeyNotFound,
    #[error("etcdserver: value is provided")]
    ValueProvided,
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    #[error("etcdserver: too many operations in txn request")]
    TooManyOperations,
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    #[error("etcdserver: invalid sort option")]
    InvalidSort,
    #[error("etcdserver: the key is reserved")]
    ReservedKey,
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    #[error("etcdserver: too large lease TTL")]
    LeaseTooLong,
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    #[error("etcdserver: too many requests")]
    Busy,
    #[error("etcdserver: server stopped")]
    Stopped,
    #[error("etcdserver: member not found")]
    MemberNotFound,
    #[error("etcdserver: the store of pintle has one member, and no other can be added")]
    OneMember,
    #[error("etcdserver: re-configuration failed due to not enough started members")]
    LastMember,
    #[error("etcdserver: bad leader transferee")]
    BadTransferee,
    #[error("etcdserver: authentication is not enabled")]
    AuthenticationOff,
    #[error("etcdserver: making the snapshot: {0}")]
    Snapshot(String),
    #[error("{}", store_message(.0))]
    Store(#[from] StoreError),
}

fn store_message(error: &StoreError) -> String {
    let text = match error {
        StoreError::Compacted { .. } => "etcdserver: mvcc: required revision has been compacted",
        StoreError::FutureRevision { .. } => "etcdserver: mvcc: required revision is a future revision",
        StoreError::TooLarge { .. } => Refusal::TOO_LARGE,
        StoreError::DiskFull => "etcdserver: mvcc: database space exceeded",
        StoreError::Corrupt { .. } => "etcdserver: corrupt cluster",
        StoreError::Closed => "etcdserver: server stopped",
        other => return format!("etcdserver: {other}"),
    };
    text.to_owned()
}

impl Refusal {
    /// What a write is told that is larger than the store takes.
    pub(crate) const TOO_LARGE: &str = "etcdserver: request is too large";

    fn code(&self) -> Code {
        match self {
            Self::EmptyKey
            | Self::KeyNotFound
            | Self::ValueProvided
            | Self::LeaseProvided
            | Self::TooManyOperations
            | Self::DuplicateKey
            | Self::InvalidSort
            | Self::ReservedKey => Code::InvalidArgument,
            Self::LeaseNotFound | Self::MemberNotFound => Code::NotFound,
            Self::LeaseExists
            | Self::OneMember
            | Self::LastMember
            | Self::BadTransferee
            | Self::AuthenticationOff => Code::FailedPrecondition,
            Self::LeaseTooLong => Code::OutOfRange,
            Self::NoSpace | Self::Busy => Code::ResourceExhausted,
            Self::Stopped => Code::Unavailable,
            Self::Snapshot(_) => Code::Internal,
            Self::Store(error) => store_code(error),
        }
    }
}

fn store_code(error: &StoreError) -> Code {
    match error {
        StoreError::Compacted { .. } | StoreError::FutureRevision { .. } => Code::OutOfRange,
        StoreError::TooLarge { .. } | StoreError::Invalid(_) => Code::InvalidArgument,
        StoreError::DiskFull => Code::ResourceExhausted,
        StoreError::Corrupt { .. } => Code::DataLoss,
        _ => Code::Unavailable,
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Store(error @ (StoreError::Io { .. } | StoreError::Corrupt { .. })) = &refusal {
            tracing::error!(%error, "a request of an etcd client failed");
        }
        Self::new(refusal.code(), refusal.to_string())
    }
}
