//! Who did what: the audit policy, the events of requests, and where they go (`audit.k8s.io/v1`).
//!
//! [`policy::Policy`] says, of every request, how much is written about it. A [`Record`] gathers that while the request is
//! served, and gives an event at each stage to the [`Auditor`], which hands it to the [sinks](sink).

mod auditor;
mod event;
mod metrics;
pub mod options;
pub mod policy;
mod record;
pub mod sink;

pub use auditor::{Auditor, StartError};
pub use event::{Asked, ObjectReference};
pub use options::Options;
pub use policy::{Level, Policy, Stage};
pub use record::Record;
