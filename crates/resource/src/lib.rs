//! What the generic machinery asks of a kind: its descriptor and its strategy.
//!
//! Built-in kinds and custom resources enter by this same door. Everything here is decided without I/O; actions that need
//! the store or the network (tokens, evictions, address allocation) are plugged in where the server is assembled.

pub mod descriptor;
pub mod disabled;
pub mod strategy;
pub mod subresource;
pub mod table;

pub use descriptor::{Descriptor, Scope, StoredForm, Verb};
pub use disabled::{Disabled, DisabledField};
pub use strategy::{DefaultPropagation, Deletion, Kind, MetadataChecks, Strategy};
pub use subresource::{ConnectRequest, ConnectTarget, Projection, ProxyName, Subresource, SubresourceKind};
pub use table::{Column, Row};
