//! Cluster DNS from Services and EndpointSlices.
//!
//! Names of the cluster are answered from memory, after version 1.1.0 of the Kubernetes DNS specification; all others are
//! asked of the servers in a `resolv.conf`. The path of a query: [`server`] reads it, [`request`] checks it, [`lookup`]
//! looks in the [`zone`] that informers keep, [`forward`] asks elsewhere, and [`response`] fits the answer to what the
//! client can take.

mod cache;
mod config;
mod forward;
mod http;
mod lookup;
mod publish;
mod request;
mod resolv_conf;
mod resolver;
mod response;
mod run;
mod server;
#[cfg(test)]
mod testing;
mod zone;

pub use config::Config;
pub use publish::{Publication, Server, publish, publish_all};
pub use run::{Dns, StartError, run};
