//! JSON patch, merge patch, strategic merge patch, server-side apply and managed fields.
//!
//! Everything here is a pure function over JSON trees and a position in a schema.

pub mod apply;
mod body;
mod document;
pub mod fields;
mod json;
#[cfg(test)]
mod laws;
pub mod managed;
mod merge;
mod strategic;
mod text;

pub use body::{Patch, PatchError, PatchType};
pub use json::JsonPatchError;
pub use strategic::StrategicError;
