//! The controllers, one folder each.
//!
//! Every controller is level-triggered: a change of anything it looks at puts the key of what it looks after into a queue;
//! a worker reads the current state from informers, a pure `plan` decides, and a small executor acts. Nothing carries over
//! from one pass to the next but what the API holds (and expectations, which only say "do not decide yet").

mod context;
mod expectations;
mod key;
mod owner;

pub mod deployment;
pub mod namespaces;
pub mod replicaset;
pub mod root_ca;
pub mod service_account;

pub use context::{Context, ControllerError};
