//! Where Services lead: the ready pods behind each, as EndpointSlices and, for older clients, as Endpoints.
//!
//! Both controllers look at the same pods in the same way ([`backends`]) and differ only in what they write.

mod backends;
mod endpoints;
mod slices;
mod watch;

pub use endpoints::{NAME as ENDPOINTS_NAME, run as run_endpoints};
pub use slices::{NAME as SLICES_NAME, run as run_slices};
