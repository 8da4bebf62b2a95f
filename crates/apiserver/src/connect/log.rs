//! Logs: what a kubelet says against a request becomes a Status.

use http_body_util::{BodyExt, Limited};
use meta::{Reason, Status};

use crate::call::Response;
use crate::resources::Route;

/// Bytes of a kubelet's message that a Status carries at most.
const MAX_MESSAGE_BYTES: usize = 2048;

/// The answer itself, or the error in it.
pub async fn checked(response: Response, route: &Route) -> Result<Response, Status> {
    let code = response.status();
    if code.is_success() {
        return Ok(response);
    }
    let body = Limited::new(response.into_body(), MAX_MESSAGE_BYTES)
        .collect()
        .await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    Err(match code.as_u16() {
        400 => Status::bad_request(text),
        404 => {
            let message = format!(
                "the server could not find the requested resource ({} {})",
                route.descriptor().group_resource(),
                route.name
            );
            Status::failure(404, Reason::NOT_FOUND, message)
        }
        500 => Status::internal(text),
        other => Status::failure(other, Reason::UNKNOWN, text),
    })
}
