//! Why a container runtime did not do what it was asked.

use std::fmt;

use tonic::Code;

/// A failed call. Its text is what users see in events and conditions, in the words of upstream's gRPC library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rpc error: code = {} desc = {message}", CodeName(*.code))]
pub struct RuntimeError {
    code: Code,
    message: String,
}

impl RuntimeError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The thing asked for is gone, or was never there.
    pub fn is_not_found(&self) -> bool {
        self.code == Code::NotFound
    }

    /// The runtime does not know this call.
    pub fn is_unimplemented(&self) -> bool {
        self.code == Code::Unimplemented
    }

    /// The call took longer than it was given.
    pub fn is_timeout(&self) -> bool {
        matches!(self.code, Code::DeadlineExceeded | Code::Cancelled)
    }

    /// What the runtime said, without the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<tonic::Status> for RuntimeError {
    fn from(status: tonic::Status) -> Self {
        Self::new(status.code(), status.message())
    }
}

/// The spelling of gRPC's Go library: `NotFound`, `DeadlineExceeded`, `OK`.
struct CodeName(Code);

impl fmt::Display for CodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Code::Ok => f.write_str("OK"),
            Code::Cancelled => f.write_str("Canceled"),
            code => write!(f, "{code:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_upstreams() {
        let error = RuntimeError::new(Code::NotFound, "failed to pull image");
        assert_eq!(
            error.to_string(),
            "rpc error: code = NotFound desc = failed to pull image"
        );
        let error = RuntimeError::new(Code::Cancelled, "context canceled");
        assert_eq!(
            error.to_string(),
            "rpc error: code = Canceled desc = context canceled"
        );
    }
}
