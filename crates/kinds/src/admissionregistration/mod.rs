//! The group of admission control.

pub mod binding;
pub mod expressions;
pub mod policy;
pub mod rules;
pub mod webhook;
