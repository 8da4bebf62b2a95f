//! Nodes and pods in network namespaces: real links, routes and rules, through the plugin the container runtime calls.

#![allow(clippy::unwrap_used)]

mod api;
mod host_ports;
mod keeping;
mod plugin;
mod reach;
mod traffic;
mod world;
