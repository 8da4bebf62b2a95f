//! JSON patch, merge patch, strategic merge patch, server-side apply and managed fields.
//!
//! Everything here is a pure function over JSON trees and a position in a schema.

mod body;
mod document;
mod json;
mod merge;
mod strategic;
mod text;

pub use body::{Patch, PatchError, PatchType};
pub use json::JsonPatchError;
pub use strategic::StrategicError;
