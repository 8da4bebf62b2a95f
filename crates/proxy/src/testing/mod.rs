//! Tests with a real kernel: a machine of their own, with the network of a small cluster.

mod kernel;
mod machine;
mod proxy;
mod sequence;
mod whole;
