//! pintle's CNI plugins: the program that the container runtime calls for each pod.
//!
//! The CNI specification's versions 0.3.0 to 1.1.0: the command and the container come in the environment, the network's
//! configuration on standard input, the answer goes to standard output. Errors are the specification's, with its codes.

mod check;
mod connect;
mod error;
mod flows;
mod install;
mod loopback;
mod network;
mod request;
mod result;
mod version;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::names::{LOOPBACK_PLUGIN, PLUGIN};
use error::CniError;
use request::{Command, Request};
use version::SpecVersion;

pub use install::{install, uninstall};

/// Larger input is not a network's configuration.
const INPUT_MAX: u64 = 1 << 20;

/// A plugin, by the name the program is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// Connects pods to the node's bridge.
    Network,
    /// Switches pods' loopback interfaces on.
    Loopback,
}

impl Plugin {
    /// The plugin of which a program has the name; `program` is the first argument of its command line.
    pub fn named(program: impl AsRef<OsStr>) -> Option<Self> {
        match Path::new(program.as_ref()).file_name()?.to_str()? {
            PLUGIN => Some(Self::Network),
            LOOPBACK_PLUGIN => Some(Self::Loopback),
            _ => None,
        }
    }
}

/// Does what the runtime asks and gives the process's exit code. `variable` looks into the environment. Acts in the calling
/// thread's network namespace, which must not be a tokio runtime's.
pub fn main(
    plugin: Plugin,
    variable: impl Fn(&str) -> Option<String>,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
) -> u8 {
    let mut input = Vec::new();
    // What cannot be read decodes as nothing, and is answered so.
    let _ = stdin.take(INPUT_MAX).read_to_end(&mut input);
    let version = SpecVersion::stated(&input);
    let outcome = Request::read(variable, &input).and_then(|request| answer(plugin, &request));
    let (text, code) = match outcome {
        Ok(None) => return 0,
        Ok(Some(answer)) => (answer, 0),
        Err(error) => (error.answer(&version), 1),
    };
    match writeln!(stdout, "{text}") {
        Ok(()) => code,
        Err(_) => 1,
    }
}

fn answer(plugin: Plugin, request: &Request) -> Result<Option<Value>, CniError> {
    if request.command == Command::Version {
        return Ok(Some(versions(&request.config)));
    }
    let version = SpecVersion::of(&request.config)?;
    version.check_command(&request.command)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CniError::io("cannot start", error))?;
    runtime.block_on(async {
        match plugin {
            Plugin::Network => network::answer(request, version).await,
            Plugin::Loopback => loopback::answer(request, version).await,
        }
    })
}

/// The answer to VERSION, in the version it was asked in.
fn versions(config: &Value) -> Value {
    let asked = config["cniVersion"]
        .as_str()
        .unwrap_or(SpecVersion::LATEST.name());
    let supported: Vec<&str> = SpecVersion::ALL.iter().map(|version| version.name()).collect();
    json!({"cniVersion": asked, "supportedVersions": supported})
}

#[cfg(test)]
mod tests;
