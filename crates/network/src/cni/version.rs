//! Versions of the CNI specification.

use serde_json::Value;

use super::error::{CniError, Code};
use super::request::Command;

/// A version that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecVersion {
    V0_3_0,
    V0_3_1,
    V0_4_0,
    V1_0_0,
    V1_1_0,
}

impl SpecVersion {
    /// All of them, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];
    /// The newest.
    pub const LATEST: Self = Self::V1_1_0;

    /// As configurations name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// The version that a configuration wants.
    pub fn of(config: &Value) -> Result<Self, CniError> {
        // Without the field it is the oldest version of all.
        let stated = config["cniVersion"].as_str().unwrap_or("0.1.0");
        Self::ALL
            .into_iter()
            .find(|version| version.name() == stated)
            .ok_or_else(|| {
                CniError::new(
                    Code::IncompatibleVersion,
                    format!("CNI version {stated:?} is not supported"),
                )
            })
    }

    /// The version stated in input that may be damaged: errors are answered in it.
    pub fn stated(input: &[u8]) -> String {
        let config: Value = serde_json::from_slice(input).unwrap_or_default();
        config["cniVersion"]
            .as_str()
            .unwrap_or(Self::LATEST.name())
            .to_owned()
    }

    /// Fails if the version does not have the command.
    pub fn check_command(self, command: &Command) -> Result<(), CniError> {
        let since = match command {
            Command::Check(_) => Self::V0_4_0,
            Command::Gc | Command::Status => Self::V1_1_0,
            Command::Add(_) | Command::Del(_) | Command::Version => return Ok(()),
        };
        if self >= since {
            return Ok(());
        }
        Err(CniError::new(
            Code::IncompatibleVersion,
            format!("CNI version {} does not have this command", self.name()),
        ))
    }
}
