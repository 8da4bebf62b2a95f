//! The HTTP front: filter chain, handlers, discovery, OpenAPI, node proxying.
//!
//! [`config::ApiServer`] says what it is made of, [`chain`] what every request goes through, [`resources`] what is done
//! with requests to resources. Nothing here names a kind.

// All filters together are one future, each in that of the one before.
#![recursion_limit = "256"]

pub mod aggregation;
pub mod api;
mod auditing;
pub mod body;
pub mod call;
mod chain;
mod clock;
mod codec;
pub mod config;
pub mod connect;
mod decode;
pub mod discovery;
pub mod documents;
pub mod filters;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod handler;
pub mod metrics;
pub mod negotiate;
mod options;
mod protobuf;
mod query;
pub mod request_info;
mod resources;
mod respond;
mod selector;
pub mod server;
pub mod service;

#[cfg(test)]
mod testing;

pub use aggregation::Aggregation;
pub use body::{Body, BoxError, IncomingBody};
pub use call::{Call, Response};
pub use config::ApiServer;
pub use connect::{ConnectError, Connection, Connectors, Network, NodeConnector, ServiceResolver};
pub use documents::{
    Extension, Health, HealthCheck, Hook, IssuerDocuments, MetricsSource, OpenApiSource, Ping, Probe,
    VersionInfo,
};
pub use filters::{Classified, Flow, FlowControlLimits, FlowSchemas, TurnedAway};
pub use metrics::Metrics;
pub use respond::status as answer_status;
pub use server::{Limits, ReloadableCertificate, Server, ServerError, tls_config};
pub use service::{ApiService, InProcessIdentity};
