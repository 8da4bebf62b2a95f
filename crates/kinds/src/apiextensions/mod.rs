//! The group of custom resource definitions.

mod columns;
mod conversion;
pub mod definition;
mod deletion;
mod lists;
mod names;
mod printed;
mod schema_rules;
mod shared;
mod stored;
mod validation_rules;
mod versions;
