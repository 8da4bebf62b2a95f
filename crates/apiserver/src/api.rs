//! The end of the chain: what answers a call once it is known who asks and that they may.

use std::sync::Arc;

use registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::aggregation::{Aggregation, Handing};
use crate::call::{Call, Response};
use crate::connect::Connectors;
use crate::discovery::Discovery;
use crate::documents::{self, Extension, Health, IssuerDocuments, MetricsSource, OpenApi, VersionInfo};
use crate::handler::Handler;
use crate::metrics::Metrics;
use crate::resources;
use crate::respond::headers::add_warnings;

/// Everything that answers calls.
pub struct Api {
    /// The resources.
    pub registry: Registry,
    /// What there is.
    pub discovery: Discovery,
    /// Whether all is well.
    pub health: Health,
    /// What the server is.
    pub version: VersionInfo,
    /// Schemas of what there is.
    pub openapi: OpenApi,
    /// Keys of service account tokens.
    pub issuer: Option<IssuerDocuments>,
    /// Paths that the program adds.
    pub extensions: Vec<Arc<dyn Extension>>,
    /// What other servers serve of the API.
    pub aggregation: Aggregation,
    /// Ways to nodes, pods and services.
    pub connectors: Connectors,
    /// What the server counts.
    pub metrics: Arc<Metrics>,
    /// What other parts of the process count.
    pub metrics_sources: Vec<MetricsSource>,
    /// Cancelled when the server is to stop.
    pub shutdown: CancellationToken,
}

impl Handler for Api {
    async fn handle(&self, call: &mut Call) -> Response {
        call.enter(None);
        if let Some(other) = self.aggregation.of_path(call.info.path()) {
            return Box::pin(self.handing().hand_on(call, &other)).await;
        }
        let mut response = if call.info.is_resource() {
            // Boxed, so that the future of every request is not as large as that of the largest.
            Box::pin(resources::serve(self, call)).await
        } else {
            documents::serve(self, call).await
        };
        add_warnings(response.headers_mut(), &call.warnings.take());
        response
    }
}

impl Api {
    /// What is needed to hand calls on to other servers.
    pub(crate) fn handing(&self) -> Handing<'_> {
        Handing {
            metrics: &self.metrics,
            shutdown: &self.shutdown,
        }
    }
}
