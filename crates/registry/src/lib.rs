//! The one create/get/list/watch/update/patch/delete algorithm, and the watch cache.
//!
//! Every resource, built-in or custom, is served by [`Resource`]: reads come from a watch cache that holds objects as shared
//! bytes, writes go through one algorithm to the store. What is particular to a kind stands behind [`resource::Kind`]; what
//! a cluster adds (admission, address allocation, actions such as evictions) is plugged in when the registry is made.

pub mod action;
pub mod admission;
mod amend;
pub mod audit;
mod cache;
#[cfg(test)]
mod cache_contract_tests;
mod caches;
mod checks;
mod compaction;
pub mod context;
mod continue_token;
pub mod converter;
pub mod custom;
mod custom_resources;
mod deletion;
mod draft;
mod fault;
pub mod hooks;
mod identity;
mod index;
mod list_options;
mod metadata;
pub mod object;
pub mod observed;
pub mod options;
mod outline;
mod owner_references;
mod protobuf_cache;
mod recent_trees;
mod registry;
mod resources;
mod selection;
mod served;
mod storage_encoding;
mod watcher;

pub use action::{Action, ActionRequest};
pub use admission::{Admission, AdmissionRequest, Operation};
pub use audit::Audit;
pub use compaction::compact_history;
pub use context::{RequestContext, Warnings};
pub use converter::Converter;
pub use hooks::{Guard, Hooks, PartChange, Pending};
pub use object::Object;
pub use observed::Observed;
pub use options::{
    DeleteOptions, GetOptions, ListOptions, PatchBody, Preconditions, Propagation, WatchOptions,
};
pub use registry::{Plugins, Registry, WeakRegistry};
pub use resources::{Deleted, Equivalent, Page, Resource, Written};
pub use schema::FieldValidation;
pub use storage_encoding::StorageEncoding;
pub use watcher::{WatchEvent, Watcher};
