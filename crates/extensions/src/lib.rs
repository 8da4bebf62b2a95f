//! Kinds that users define: custom resources, and the life of their definitions.
//!
//! [`Definition`] reads a `CustomResourceDefinition`, [`CustomKind`] is what one of its versions is to the registry, and
//! [`follow`] keeps what is served in step with the definitions there are: names, conditions, deletion, API services.

mod api_services;
mod approval;
mod columns;
mod conditions;
mod conversion;
mod definition;
mod deletion;
mod follow;
mod interned;
mod json_path;
mod kind;
mod names;
mod plan;
mod review;
mod scale;
mod selectable;
mod serving;
mod shape;
mod structure;
mod version;
mod writer;

pub use definition::{Definition, Names, Version};
pub use follow::follow;
pub use json_path::JsonPath;
pub use kind::CustomKind;
