//! Tests with a real kernel: a machine of their own, with the network of a small cluster.

mod api;
mod kernel;
mod machine;
mod proxy;
mod sequence;
mod whole;

pub(crate) use api::FakeApi;
