//! The core group.

pub mod claim;
pub mod config_map;
pub mod connect;
pub mod endpoints;
pub mod event;
pub mod namespace;
pub mod node;
pub mod pod;
pub mod resources;
pub mod secret;
pub mod service;
pub mod service_account;
