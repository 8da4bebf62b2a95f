//! The registry over the in-memory store, with kinds of its own.

#![allow(clippy::unwrap_used, missing_docs)]

mod create;
mod delete;
mod gadgets;
mod list;
mod patch;
mod storage;
mod unreliable;
mod update;
mod watch;
