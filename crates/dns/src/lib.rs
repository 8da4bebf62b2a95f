//! Cluster DNS from Services and EndpointSlices.
