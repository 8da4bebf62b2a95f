//! The admission chain, its built-in plugins, webhooks and policies.
//!
//! A [`Plugin`] may change or refuse what is about to be written; the [`Chain`] asks them in upstream's order. What a plugin
//! has to look up it asks a [`Cluster`], which at assembly is the registry itself.

mod chain;
mod cluster;
mod hooks;
mod notes;
mod observer;
pub mod outward;
mod plugin;
mod plugins;
mod pod;
mod pod_security;
mod policy;
mod request;
mod rounds;
mod signing_request;
mod webhook;

#[cfg(test)]
mod testing;

pub use chain::Chain;
pub use cluster::{Cluster, Served};
pub use observer::{Action, AskedConditions, AskedWebhook, Holder, Observer, Outcome, PolicyFinding, Step};
pub use plugin::Plugin;
pub use plugins::default_plugins;
pub use rounds::Rounds;
pub use webhook::{Endpoint, Unanswered};
