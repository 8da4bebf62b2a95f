//! What rooms are written with: a cursor to validate with, steps to fill in defaults, helpers for tables.

pub mod addresses;
pub mod checks;
pub mod columns;
pub mod conditions;
pub mod defaults;
pub mod diff;
pub mod field;
pub mod go;
pub mod names;
pub mod node_labels;
pub mod paths;
pub mod quantity;
pub mod selectors;
mod template_metadata;

pub use checks::{Seen, same, same_as, same_field, same_field_as};
pub use field::{Field, Report};
