//! The group of scheduling.

pub mod priority_class;
