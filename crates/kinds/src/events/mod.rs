//! The group of events: the same objects as in the core group, under other names.

pub mod event;
