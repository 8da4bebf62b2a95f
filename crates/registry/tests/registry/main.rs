//! The registry over the in-memory store, with kinds of its own.

#![allow(clippy::unwrap_used, missing_docs)]

mod converting;
mod create;
mod delete;
mod gadgets;
mod list;
mod passing;
mod patch;
mod starts;
mod storage;
mod unreliable;
mod update;
mod versions;
mod watch;
