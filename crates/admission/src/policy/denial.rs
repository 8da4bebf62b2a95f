//! Why policies refuse a request.

use meta::Status;
use meta::status::{Cause, Reason};
use registry::AdmissionRequest;

use crate::request::Request;

/// One reason to refuse.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// Who refuses and why.
    pub(super) message: String,
    /// The reason that the client gets; none: the usual one.
    pub(super) reason: Option<String>,
}

/// The code that goes with a reason.
fn code(reason: &str) -> u16 {
    match reason {
        "Forbidden" => 403,
        "Unauthorized" => 401,
        "RequestEntityTooLarge" => 413,
        _ => 422,
    }
}

/// The answer for the first denial of a policy of validation.
pub(super) fn of_validation(request: &AdmissionRequest<'_>, denial: Denial) -> Status {
    let mut status = request.forbidden(&denial.message);
    let reason = denial.reason.unwrap_or_else(|| Reason::INVALID.0.into_owned());
    status.code = code(&reason);
    status.reason = Reason(reason.into());
    add_cause(&mut status, denial.message);
    status
}

/// The answer where policies of change cannot do their work: the first problem is the message, all are causes.
pub(super) fn of_mutation(request: &AdmissionRequest<'_>, denials: Vec<Denial>) -> Result<(), Status> {
    let Some(first) = denials.first() else {
        return Ok(());
    };
    let mut status = request.forbidden("");
    status.message.clone_from(&first.message);
    if let Some(reason) = &first.reason {
        status.reason = Reason(reason.clone().into());
    }
    for denial in denials {
        add_cause(&mut status, denial.message);
    }
    Err(status)
}

fn add_cause(status: &mut Status, message: String) {
    let details = status.details.get_or_insert_default();
    details.causes.push(Cause {
        message,
        ..Cause::default()
    });
}
