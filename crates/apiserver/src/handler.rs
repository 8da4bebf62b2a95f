//! How the request path is stacked: handlers, and filters in front of them.
//!
//! A filter is an async function that may answer itself or hand on. [`FilterLayer`] makes a `tower` layer of it, so that the
//! chain is a plain list; all of it together is one future, without an allocation or a clone per filter.

use std::future::Future;
use std::sync::Arc;

use tracing::{Instrument, debug_span};

use crate::call::{Call, Response};
use crate::metrics::{Histogram, Metrics};

/// Something that answers a call.
pub trait Handler: Send + Sync + 'static {
    /// Answers it. What it has found out stays in the call for who looks at it afterwards.
    fn handle(&self, call: &mut Call) -> impl Future<Output = Response> + Send;
}

/// Something that looks at a call before, and maybe at the answer after, the next handler.
pub trait Filter: Clone + Send + Sync + 'static {
    /// Its name in spans and metrics.
    const NAME: &'static str;

    /// Whether it is told how long it takes. Where nothing can take long, to look at the clock would be most of it.
    const IS_TIMED: bool = true;

    /// Answers the call itself, or hands it on to `next`.
    fn filter(&self, call: &mut Call, next: &impl Handler) -> impl Future<Output = Response> + Send;
}

/// A filter as a `tower` layer.
#[derive(Clone)]
pub struct FilterLayer<F> {
    filter: F,
    histogram: Option<Arc<Histogram>>,
}

impl<F: Filter> FilterLayer<F> {
    /// The layer of a filter, with its latency counted in `metrics`.
    pub fn new(filter: F, metrics: &Metrics) -> Self {
        Self {
            filter,
            histogram: F::IS_TIMED.then(|| metrics.filter(F::NAME)),
        }
    }
}

impl<F: Filter, H> tower::Layer<H> for FilterLayer<F> {
    type Service = Filtered<F, H>;

    fn layer(&self, next: H) -> Filtered<F, H> {
        Filtered {
            filter: self.filter.clone(),
            histogram: self.histogram.clone(),
            next,
        }
    }
}

/// A handler with a filter in front.
pub struct Filtered<F, H> {
    filter: F,
    histogram: Option<Arc<Histogram>>,
    next: H,
}

impl<F: Filter, H: Handler> Handler for Filtered<F, H> {
    async fn handle(&self, call: &mut Call) -> Response {
        if let Some(histogram) = &self.histogram {
            call.enter(Some(Arc::clone(histogram)));
        }
        self.filter
            .filter(call, &self.next)
            .instrument(debug_span!("filter", name = F::NAME))
            .await
    }
}

/// A handler whose type is forgotten, for those who only want an answer.
pub(crate) trait AnyHandler: Send + Sync {
    /// See [`Handler::handle`].
    fn handle_any<'a>(&'a self, call: &'a mut Call) -> futures::future::BoxFuture<'a, Response>;
}

impl<H: Handler> AnyHandler for H {
    fn handle_any<'a>(&'a self, call: &'a mut Call) -> futures::future::BoxFuture<'a, Response> {
        Box::pin(self.handle(call))
    }
}
