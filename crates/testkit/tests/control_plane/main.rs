//! A control plane without nodes, as a user of kubectl sees it.

mod bad_input;
mod objects;
mod start;
mod workloads;
