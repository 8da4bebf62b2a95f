//! The type table: what is known of every API type, and strict decoding, pruning, JSON/YAML/protobuf and OpenAPI that
//! work from it.

pub mod reference;

pub use reference::{ListType, PatchStrategy, SchemaRef, Shape};
