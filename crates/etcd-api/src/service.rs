//! The services: what each method asks of the rest.

mod auth;
mod cluster;
mod kv;
mod lease;
mod maintenance;
mod watch;
