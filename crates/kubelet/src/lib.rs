//! The node agent: pod workers, probes, volumes, status, container runtime, streaming server.
