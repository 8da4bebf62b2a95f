//! What can go wrong on a SPDY connection.

use super::frame::ResetStatus;

/// The peer does not speak SPDY/3.1, or says too much at once. Nothing after it can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Another version.
    #[error("SPDY version {0} is not spoken here")]
    Version(u16),
    /// A control frame without what belongs in it.
    #[error("a frame of type {0} is malformed")]
    Malformed(u16),
    /// A frame or a header block above its limit.
    #[error("{0} bytes in a frame are too many")]
    TooLarge(usize),
    /// The compressed stream of headers is broken.
    #[error("compressed headers are broken")]
    Compression,
    /// A header block without what belongs in it.
    #[error("a header block is malformed")]
    HeaderBlock,
}

/// Why a stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer ended it.
    #[error("stream reset: {0:?}")]
    Reset(ResetStatus),
    /// The connection is closed.
    #[error("connection closed")]
    Closed,
    /// The connection broke.
    #[error("connection broken: {0}")]
    Broken(String),
    /// The peer did not answer to a new stream in time.
    #[error("timed out waiting for a stream to be accepted")]
    Unanswered,
}

impl From<StreamError> for std::io::Error {
    fn from(error: StreamError) -> Self {
        let kind = match error {
            StreamError::Reset(_) => std::io::ErrorKind::ConnectionReset,
            StreamError::Closed | StreamError::Broken(_) => std::io::ErrorKind::BrokenPipe,
            StreamError::Unanswered => std::io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}
