//! What tests with a real container runtime need: a machine of their own.

mod busybox;
mod node;

pub use busybox::BUSYBOX;
pub use node::{Node, cgroup_parent};
