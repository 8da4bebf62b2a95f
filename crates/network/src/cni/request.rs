//! What the runtime asks: a command from the environment, a configuration from standard input.

use std::path::PathBuf;

use serde_json::Value;

use super::error::{CniError, Code};
use crate::config::is_interface_name;
use crate::ledger::AttachmentKey;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// The configuration.
    pub config: Value,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Connect a container.
    Add(Container),
    /// Disconnect a container; its namespace may be gone.
    Del(AttachmentKey),
    /// Is the container still connected?
    Check(Container),
    /// Remove what belongs to no container.
    Gc,
    /// Can containers be connected?
    Status,
    /// Which versions are spoken?
    Version,
}

/// A container's interface, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Whose interface.
    pub key: AttachmentKey,
    /// The container's network namespace.
    pub netns: PathBuf,
    /// `namespace/name` of the pod, if it was told.
    pub pod: String,
}

impl Request {
    /// Reads a request.
    pub fn read(variable: impl Fn(&str) -> Option<String>, input: &[u8]) -> Result<Self, CniError> {
        let environment = Environment { variable: &variable };
        let command = environment.command()?;
        let config = match input {
            // Only VERSION may come without a configuration.
            [] if command == Command::Version => Value::Null,
            input => serde_json::from_slice(input)
                .map_err(|error| CniError::because(Code::Decode, "the network's configuration", &error))?,
        };
        Ok(Self { command, config })
    }
}

struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    fn command(&self) -> Result<Command, CniError> {
        match self.required("CNI_COMMAND")?.as_str() {
            "ADD" => Ok(Command::Add(self.container()?)),
            "DEL" => Ok(Command::Del(self.key()?)),
            "CHECK" => Ok(Command::Check(self.container()?)),
            "GC" => Ok(Command::Gc),
            "STATUS" => Ok(Command::Status),
            "VERSION" => Ok(Command::Version),
            other => Err(invalid(format!("unknown CNI_COMMAND {other:?}"))),
        }
    }

    fn container(&self) -> Result<Container, CniError> {
        Ok(Container {
            key: self.key()?,
            netns: self.required("CNI_NETNS")?.into(),
            pod: self.pod(),
        })
    }

    fn key(&self) -> Result<AttachmentKey, CniError> {
        let container_id = self.required("CNI_CONTAINERID")?;
        if !is_container_id(&container_id) {
            return Err(invalid(format!(
                "CNI_CONTAINERID {container_id:?} is no container's"
            )));
        }
        let interface = self.required("CNI_IFNAME")?;
        if !is_interface_name(&interface) {
            return Err(invalid(format!("CNI_IFNAME {interface:?} is no interface's")));
        }
        Ok(AttachmentKey {
            container_id,
            interface,
        })
    }

    fn required(&self, name: &str) -> Result<String, CniError> {
        (self.variable)(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| invalid(format!("the environment variable {name} is missing")))
    }

    /// The runtime's further arguments: `IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b`.
    fn pod(&self) -> String {
        let arguments = (self.variable)("CNI_ARGS").unwrap_or_default();
        let argument = |name: &str| {
            let pairs = arguments.split(';').filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value)
                .next()
        };
        match (argument("K8S_POD_NAMESPACE"), argument("K8S_POD_NAME")) {
            (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            _ => String::new(),
        }
    }
}

fn invalid(message: String) -> CniError {
    CniError::new(Code::InvalidEnvironment, message)
}

fn is_container_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    text.bytes().all(allowed) && text.as_bytes()[0].is_ascii_alphanumeric()
}
