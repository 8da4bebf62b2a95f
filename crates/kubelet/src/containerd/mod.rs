//! pintle's own containerd: its configuration, its process, and what the machine allows it.
//!
//! It is started as a child, but is meant to outlive the kubelet: containers go on while the kubelet is away, and the
//! next one adopts what it finds.

mod config;
mod layout;
mod machine;
mod process;
mod supervisor;
#[cfg(test)]
mod tests;

pub use config::ContainerdSettings;
pub use layout::ContainerdLayout;
pub use machine::{Machine, MissingProgram};
pub use process::Process;
pub use supervisor::{Containerd, ContainerdError};
