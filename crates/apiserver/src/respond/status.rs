//! Answers that say how a request failed.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use meta::status::Details;
use meta::{Reason, Status};

use crate::call::{Call, Response};
use crate::codec;
use crate::negotiate::{Format, Offer};
use crate::respond::document::document;

/// A Status in the form the client wants, as far as it can have it; JSON otherwise.
pub fn status(call: &Call, status: &Status) -> Response {
    let negotiated = Offer::DOCUMENT.negotiate(call.accept());
    let is_negotiated = negotiated.is_ok();
    let format = negotiated.unwrap_or_default();
    let pretty = call.wants_pretty(format);
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let tree = status.to_json();
    // What the client cannot have is no answer that upstream would know of.
    if let Some(record) = call.audit.as_ref().filter(|_| is_negotiated) {
        record.status(status);
        call.answered(|| codec::to_json(&tree));
    }
    let mut response = document(code, &tree, Format { pretty, ..format });
    let seconds = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
    if seconds > 0 {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A Status as upstream's router gives it, before any resource has a say: with empty details.
pub fn generic(code: StatusCode, reason: Reason, message: &str) -> Status {
    Status::failure(code.as_u16(), reason, message).with_details(Details::default())
}

/// 404 of the router.
pub fn no_such_resource() -> Status {
    generic(
        StatusCode::NOT_FOUND,
        Reason::NOT_FOUND,
        "the server could not find the requested resource",
    )
}

/// 405 of the router.
pub fn no_such_method() -> Status {
    generic(
        StatusCode::METHOD_NOT_ALLOWED,
        Reason::METHOD_NOT_ALLOWED,
        "the server does not allow this method on the requested resource",
    )
}

/// 406 of the router.
pub fn no_such_form(available: &[&str]) -> Status {
    let message = format!(
        "406: Not Acceptable\n\nAvailable representations: {}",
        available.join(", ")
    );
    generic(StatusCode::NOT_ACCEPTABLE, Reason::NOT_ACCEPTABLE, &message)
}

/// 415 of the router.
pub fn no_such_body() -> Status {
    generic(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Reason::UNSUPPORTED_MEDIA_TYPE,
        "415: Unsupported Media Type",
    )
}
