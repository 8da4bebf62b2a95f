//! The built-in kinds: a folder per API group, a room per kind.
//!
//! A room says what is particular to a kind: its defaults, what may be in it and what may change, its table columns,
//! which of its fields can be selected. Facts (names, verbs, types) come from the type table.

// A cursor's lifetimes say nothing that a reader of a rule wants to know.
#![allow(elided_lifetimes_in_paths)]

mod admissionregistration;
mod apiextensions;
mod apiregistration;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod coordination;
mod core;
mod disabled;
mod discovery;
mod events;
mod facts;
mod flowcontrol;
mod networking;
mod node;
mod plain;
mod policy;
pub mod quota;
mod rbac;
mod resource_k8s;
mod room;
mod rooms;
mod scale;
mod scheduling;
mod storage;
#[cfg(test)]
mod testing;
mod toolkit;

use std::sync::Arc;

use resource::Kind;

pub use admissionregistration::expressions;
pub use core::secret::{KeyPair, tls_key_pair};

/// Every built-in kind that is served, in discovery's order.
pub fn all() -> Vec<Arc<dyn Kind>> {
    schema::resources()
        .map(|(version, resource)| rooms::open(facts::descriptor(version, resource)))
        .collect()
}
