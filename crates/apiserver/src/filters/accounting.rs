//! Counts every request once it is answered.

use std::sync::Arc;

use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};
use crate::metrics::Metrics;

/// Counts requests.
#[derive(Clone)]
pub struct Accounting {
    /// Where they are counted.
    pub metrics: Arc<Metrics>,
}

impl Filter for Accounting {
    const NAME: &'static str = "accounting";
    const IS_TIMED: bool = false;

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        let response = next.handle(call).await;
        // The time after the last filter belongs to no filter.
        call.enter(None);
        let lasting = call.info.is_long_running();
        let duration = (!lasting).then(|| call.received.elapsed());
        let size = response.body().length();
        self.metrics
            .request(call.metric_labels(), response.status().as_u16(), duration, size);
        response
    }
}
