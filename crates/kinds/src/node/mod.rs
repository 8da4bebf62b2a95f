//! The group of what nodes run pods with.

pub mod runtime_class;
