//! What kubelets may do: write about their own node and pods, and read what their pods need.

mod authorizer;
mod graph;
mod references;
mod rules;

pub use authorizer::NodeAuthorizer;
pub use graph::{NodeGraph, Vertex, VertexKind};
pub use references::{pod_references, volume_secrets};
