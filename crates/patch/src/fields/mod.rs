//! Sets of fields of an object: who owns what, and what a write changes.

mod delta;
mod element;
mod form;
mod json;
mod object;
mod set;

pub use delta::Delta;
pub use element::{Element, ElementError};
pub(crate) use form::Form;
pub use json::FieldsError;
pub(crate) use object::is_empty;
pub use set::{FieldSet, Node};

#[cfg(test)]
mod tests;
