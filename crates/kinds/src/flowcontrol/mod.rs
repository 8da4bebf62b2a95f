//! The group of flow control.

pub mod flow_schema;
pub mod priority_level;
