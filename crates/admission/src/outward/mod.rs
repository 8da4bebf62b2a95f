//! Connections to servers outside of this one: webhooks, and those that serve a part of the API.

mod address;
mod any_server;
mod connector;
pub(crate) mod words;

pub use address::Address;
pub use any_server::AnyServer;
pub use connector::{ClientProof, Connector, NoConnection, Proofs, Stream, cause};
