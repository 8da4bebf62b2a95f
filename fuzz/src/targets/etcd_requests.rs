//! What clients of etcd send to its API over a store.

use etcd_api::fuzzing;

use super::Target;

/// A script of requests to all services.
pub const REQUESTS: Target = Target {
    name: "etcd-requests",
    run: fuzzing::requests,
    seeds: fuzzing::seeds,
};

/// What clients of etcd send to its API over HTTP/2, byte by byte.
pub const CONNECTIONS: Target = Target {
    name: "etcd-connections",
    run: fuzzing::connection,
    seeds: fuzzing::connection_seeds,
};
