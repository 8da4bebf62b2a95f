//! Certificates by request: who gets one without anyone's help, and the signing. The decisions are plain functions; the
//! controller only acts.

mod approve;
mod conditions;
mod controller;
mod sign;

pub use controller::{Duties, run};
