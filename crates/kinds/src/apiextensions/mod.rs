//! The group of custom resource definitions.

pub mod definition;
mod stored;
