//! The group of certificates.

pub mod signing_request;
