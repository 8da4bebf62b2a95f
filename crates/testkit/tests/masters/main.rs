//! Several masters over one etcd: they share the work, and any of them may go.

mod cluster;
mod failover;
mod refused;
mod writer;
