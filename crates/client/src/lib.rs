//! An API client over any transport: requests, typed access, informers, work queues, leader election, events.
//!
//! The seam is a `tower::Service` from HTTP request to HTTP response ([`transport::Transport`]). Over HTTPS it is
//! [`https::connect`]; inside the process it is the API server's own service. Nothing above the seam can tell.
//!
//! Objects are any type that implements `k8s_openapi::Resource` and `Metadata`: the generated ones, or a lean struct with
//! the few fields a component reads ([`lean`]).

pub mod api;
pub mod config;
pub mod controller;
mod decode;
pub mod error;
pub mod https;
pub mod informer;
pub mod leader;
pub mod lean;
pub mod metadata;
pub mod options;
mod outage;
pub mod path;
pub mod queue;
pub mod recorder;
pub mod replaceable;
pub mod retry;
pub mod servers;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transport;
pub mod watch;

pub use api::{Client, Kind, List};
pub use controller::run_workers;
pub use error::Error;
pub use informer::{Change, Informer, Informers, Store};
pub use metadata::ObjectMetadata;
pub use options::{DeleteOptions, ListOptions, Patch, PatchOptions};
pub use path::Scope;
pub use queue::WorkQueue;
pub use recorder::{EventRecorder, EventType};
pub use replaceable::{Replace, replaceable};
pub use retry::Retry;
pub use servers::Servers;
pub use transport::{Body, Transport, TransportError};
pub use watch::WatchEvent;

/// The typed objects components work with.
pub use k8s_openapi;
