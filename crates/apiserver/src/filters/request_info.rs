//! Reads what the request is about.

use http::StatusCode;

use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};
use crate::request_info::{RequestInfo, RequestInfoError};
use crate::respond::plain_text;
use crate::selector::required_name;

/// Fills in [`Call::info`].
#[derive(Clone)]
pub struct ReadRequestInfo;

impl Filter for ReadRequestInfo {
    const NAME: &'static str = "request_info";
    const IS_TIMED: bool = false;

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        match RequestInfo::parse(
            &call.head.method,
            call.head.uri.path(),
            &call.query,
            required_name,
        ) {
            Ok(info) => {
                call.info = info;
                next.handle(call).await
            }
            Err(RequestInfoError::Escape) => plain_text(StatusCode::BAD_REQUEST, "400 Bad Request"),
            Err(error) => {
                let target = call.head.uri.to_string();
                let what = format!(
                    "Internal Server Error: {}: failed to create RequestInfo: {error}\n",
                    meta::quote(&escaped(&target))
                );
                plain_text(StatusCode::INTERNAL_SERVER_ERROR, what)
            }
        }
    }
}

/// A text that is shown to people, whatever shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
