//! The group of certificates.

pub(crate) mod pem;
pub mod signing_request;
