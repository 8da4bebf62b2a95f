//! How a request that fits no resource is refused.

use meta::Status;

use crate::call::{Call, Response};
use crate::respond::not_found_page;
use crate::respond::status::{no_such_form, status};

/// Why a request fits no resource.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing is there, and nobody who would say so in JSON.
    Page,
    /// A Status.
    Status(Box<Status>),
}

impl Refusal {
    /// The answer.
    pub fn answer(&self, call: &Call) -> Response {
        match self {
            Self::Page => not_found_page(),
            Self::Status(refusal) => status(call, refusal),
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// 406 of the router, if no form at all fits.
pub fn routed(call: &Call, forms: &[&str]) -> Result<(), Status> {
    let accept = crate::negotiate::Accept::parse(call.accept().unwrap_or_default());
    if accept.is_routed(forms) {
        Ok(())
    } else {
        Err(no_such_form(forms))
    }
}
