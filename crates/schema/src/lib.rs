//! The type table: what is known of every API type, and strict decoding, pruning, JSON/YAML/protobuf and OpenAPI that
//! work from it.

pub mod decode;
mod forms;
// Some published types are on no wire.
#[allow(dead_code, missing_docs)]
#[rustfmt::skip]
mod generated;
pub mod kinds;
pub mod openapi;
pub mod ordered;
pub mod protobuf;
pub mod reference;
pub mod served;
pub mod stored;
pub mod structural;
pub mod syntax;
pub mod table;
pub mod texts;
pub mod yaml;
mod zero;

pub use decode::{
    DecodeError, FieldValidation, StrictReport, TypeMeta, decode_json, decode_tree, decode_value, type_meta,
};
pub use kinds::builtin;
pub use ordered::Ordered;
pub use protobuf::{decode_protobuf, encode_protobuf};
pub use reference::{Keys, ListType, PatchStrategy, SchemaRef, Shape};
pub use served::{group_versions, resources};
pub use structural::StructuralSchema;
pub use yaml::{YamlDocument, to_yaml};
