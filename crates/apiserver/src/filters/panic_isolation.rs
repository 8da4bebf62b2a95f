//! A bug in answering one request must not take the others with it.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use http::StatusCode;
use tracing::error;

use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};
use crate::respond::plain_text;

/// Turns a panic into a 500.
#[derive(Clone)]
pub struct PanicIsolation;

impl Filter for PanicIsolation {
    const NAME: &'static str = "panic_isolation";
    const IS_TIMED: bool = false;

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        match AssertUnwindSafe(next.handle(call)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                let method = &call.head.method;
                error!(%method, path = call.head.uri.path(), panic = message(&*panic), "a request panicked");
                let text = "This request caused apiserver to panic. Look in the logs for details.\n";
                plain_text(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
