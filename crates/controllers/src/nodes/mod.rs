//! Nodes: their addresses for pods, whether they are still there, and what becomes of the pods on those that are not.

mod eviction;
mod health;
mod lifecycle;
mod pod_cidr;
mod tolerations;
mod ttl;

pub use eviction::{NAME as EVICTION_NAME, run as run_eviction};
pub use lifecycle::{DEFAULT_GRACE_PERIOD, NAME as LIFECYCLE_NAME, run as run_lifecycle};
pub use pod_cidr::{NAME as POD_CIDR_NAME, run as run_pod_cidr};
pub use ttl::{NAME as TTL_NAME, run as run_ttl};
