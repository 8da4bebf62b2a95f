//! Webhooks: servers outside of the cluster's own, asked over HTTPS whether a write is good or what is to be changed in it.

mod answer;
mod call;
mod configuration;
mod endpoint;
mod failure;
mod mutating;
mod review;
mod turn;
mod validating;

#[cfg(test)]
mod testing;

pub use endpoint::{Endpoint, Unanswered};
pub(crate) use mutating::MutatingWebhooks;
pub(crate) use validating::ValidatingWebhooks;
