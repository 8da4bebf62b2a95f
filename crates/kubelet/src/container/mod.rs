//! From a pod's specification to what the container runtime is told.

mod builder;
pub mod cgroups;
mod dns;
mod env;
mod error;
mod hostname;
mod hosts;
#[cfg(test)]
mod live_tests;
pub mod logs;
mod mounts;
mod resources;
mod sandbox;
mod security;
mod settings;
mod subpath;
pub mod sysctl;
pub mod termination;

pub use builder::{Builder, ContainerRequest};
pub use env::ResourceFields;
pub use env::fields::{FieldContext, pod_field};
pub use error::ConfigError;
pub use hostname::hostname;
pub use sandbox::sandbox_config;
pub use settings::{NodeResources, NodeSettings};
