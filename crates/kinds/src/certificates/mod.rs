//! The group of certificates.

mod pem;
pub mod signing_request;
