//! The group of certificates.

mod decision;
pub(crate) mod pem;
pub mod signing_request;
