//! A node: kubelet, pod network, service proxy and cluster DNS of one machine, as clients of an API server that may be
//! anywhere.

pub mod machine;
mod options;

pub use options::NodeOptions;
