//! Parts of the API that other servers serve: which there are, and handing requests on to them.
//!
//! Whoever follows them publishes what is known as a [`Parts`]; routing, discovery and OpenAPI look at the one of the moment.

mod headers;
pub(crate) mod openapi;
pub(crate) mod openapi_v3;
mod parts;
mod proxy;

pub use headers::set_user;
pub use openapi::of_paths;
pub use parts::{Aggregation, Backend, Documents, OtherServer, Part, Parts};
pub(crate) use proxy::Handing;
