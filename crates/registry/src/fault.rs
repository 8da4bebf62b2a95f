//! What went wrong below the API, as the Status a client gets.

use meta::status::{Cause, Details};
use meta::{GroupResource, Reason, Status};
use store::StoreError;

/// A failure of the store.
pub(crate) fn of_store(error: StoreError) -> Status {
    match error {
        StoreError::Unavailable(_) | StoreError::Closed => Status::service_unavailable(error.to_string()),
        // The change may have been made: a reason that makes clients look before they try again.
        StoreError::OutcomeUnknown(_) => Status::failure(504, Reason::TIMEOUT, error.to_string()),
        StoreError::TooLarge { .. } => too_large(&error),
        StoreError::Io { ref source, .. } => plain(500, format!("{error}: {source}")),
        _ => plain(500, error.to_string()),
    }
}

fn too_large(error: &StoreError) -> Status {
    let message = format!("Request entity too large: {error}");
    Status::failure(413, Reason::REQUEST_ENTITY_TOO_LARGE, message)
}

/// An error that upstream passes to the client as it is: a code and a message, no reason.
pub(crate) fn plain(code: u16, message: impl Into<String>) -> Status {
    Status::failure(code, Reason::UNKNOWN, message)
}

/// 504 for a version that the server has not reached.
pub(crate) fn too_large_resource_version(requested: u64, current: u64) -> Status {
    let message = format!("Timeout: Too large resource version: {requested}, current: {current}");
    Status::failure(504, Reason::TIMEOUT, message).with_details(Details {
        causes: vec![Cause {
            reason: String::from("ResourceVersionTooLarge"),
            message: String::from("Too large resource version"),
            ..Cause::default()
        }],
        retry_after_seconds: 1,
        ..Details::default()
    })
}

/// 405 for a verb that a resource does not serve.
pub(crate) fn not_served(resource: &GroupResource, verb: &str) -> Status {
    Status::method_not_supported(resource, verb)
}
