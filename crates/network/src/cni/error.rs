//! Errors as the CNI specification has them.

use std::error::Error;
use std::io;

use client::controller::Chain;
use linux::{NamespaceError, NetlinkError, NftError};
use serde_json::{Value, json};

use crate::ledger::LedgerError;

/// Codes of the specification, and, from 100, of this plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The version is not spoken here.
    IncompatibleVersion = 1,
    /// The container is not there.
    UnknownContainer = 3,
    /// An environment variable is missing or wrong.
    InvalidEnvironment = 4,
    /// Input, output, the kernel.
    Io = 5,
    /// The configuration is not JSON of the expected form.
    Decode = 6,
    /// The configuration's content cannot be.
    InvalidConfig = 7,
    /// It may work later.
    TryAgainLater = 11,
    /// STATUS: no pods can be connected now.
    NotAvailable = 50,
    /// All addresses are taken.
    NoAddress = 100,
    /// A host port is another pod's.
    HostPortTaken = 101,
    /// CHECK found something that is not as it was made.
    NotAsMade = 102,
}

/// A failure, as the runtime is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CniError {
    /// What kind of failure.
    pub code: Code,
    /// What failed.
    pub message: String,
    /// Why.
    pub details: String,
}

impl CniError {
    /// A failure that needs no further explanation.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: String::new(),
        }
    }

    /// A failure with its reason.
    pub fn because(code: Code, message: impl Into<String>, reason: &dyn Error) -> Self {
        Self {
            details: Chain(reason).to_string(),
            ..Self::new(code, message)
        }
    }

    /// A failure of input or output.
    pub fn io(message: &str, error: io::Error) -> Self {
        Self::because(Code::Io, message, &error)
    }

    /// The answer to the runtime.
    pub fn answer(&self, version: &str) -> Value {
        json!({
            "cniVersion": version,
            "code": self.code as u32,
            "msg": self.message,
            "details": self.details,
        })
    }
}

impl From<NetlinkError> for CniError {
    fn from(error: NetlinkError) -> Self {
        Self::because(Code::Io, "the kernel's network", &error)
    }
}

impl From<NftError> for CniError {
    fn from(error: NftError) -> Self {
        Self::because(Code::Io, "the rules of host ports", &error)
    }
}

impl From<LedgerError> for CniError {
    fn from(error: LedgerError) -> Self {
        Self::because(Code::Io, "the addresses of pods", &error)
    }
}

impl From<NamespaceError> for CniError {
    fn from(error: NamespaceError) -> Self {
        Self::because(
            Code::UnknownContainer,
            "the container's network namespace",
            &error,
        )
    }
}
