//! Load programs that run against pintle and any other Kubernetes API server.
