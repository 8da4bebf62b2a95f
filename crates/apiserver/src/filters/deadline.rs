//! Every request that is not meant to last has an end.

use std::sync::Arc;
use std::time::Duration;

use audit::Auditor;
use meta::{Reason, Status};

use crate::auditing;
use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};
use crate::metrics::Metrics;
use crate::respond::status;

/// Answers 504 when time is up.
#[derive(Clone)]
pub struct Deadline {
    /// The time a request has at most, and has if it does not ask for less.
    pub max: Duration,
    /// Where expired requests are counted.
    pub metrics: Arc<Metrics>,
    /// Who writes about those that ask for none.
    pub auditor: Option<Arc<Auditor>>,
}

impl Filter for Deadline {
    const NAME: &'static str = "deadline";
    const IS_TIMED: bool = false;

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        if call.info.is_long_running() {
            return next.handle(call).await;
        }
        let allotted = match requested(call) {
            Ok(requested) => requested.unwrap_or(self.max).min(self.max),
            Err(refusal) => return auditing::refuse(self.auditor.as_ref(), call, &refusal).await,
        };
        let deadline = call.received + allotted;
        call.deadline = Some(deadline);
        match tokio::time::timeout_at(deadline.into(), next.handle(call)).await {
            Ok(response) => response,
            Err(_) => {
                self.metrics.aborted(call.metric_labels());
                status(call, &timed_out())
            }
        }
    }
}

/// The `timeout` parameter; zero means none.
fn requested(call: &Call) -> Result<Option<Duration>, Status> {
    let Some(text) = call.query.first("timeout").filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let duration = meta::Duration::parse(text).map_err(|error| {
        let what = "invalid timeout specified in the request URL";
        Status::bad_request(format!("{what} - {error}"))
    })?;
    Ok(Some(duration.to_std()).filter(|d| !d.is_zero()))
}

fn timed_out() -> Status {
    let message = "Timeout: request did not complete within the allotted timeout";
    Status::failure(504, Reason::TIMEOUT, message).with_details(meta::status::Details::default())
}
