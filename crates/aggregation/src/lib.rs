//! Parts of the API that other servers serve: who they are, whether they are there, what they say of themselves.
//!
//! [`follow`] keeps what the front knows ([`apiserver::Aggregation`]) in step with the API services there are, and writes into
//! their status whether the servers behind them are available.

mod backend;
mod condition;
mod discovery;
mod documents;
mod follow;
mod service;
mod visit;

pub use follow::{Parties, follow};
