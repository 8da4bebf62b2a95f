//! What an API server is made of.

use std::sync::Arc;
use std::time::Duration;

use audit::Auditor;
use auth::{Authenticator, Authorizer};
use registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::aggregation::Aggregation;
use crate::api::Api;
use crate::chain::{ChainParts, chain};
use crate::connect::Connectors;
use crate::discovery::Discovery;
use crate::documents::{
    self, Extension, Health, IssuerDocuments, MetricsSource, OpenApi, OpenApiSource, VersionInfo,
};
use crate::filters::{FlowControl, FlowControlLimits, FlowSchemas};
use crate::metrics::Metrics;
use crate::service::ApiService;

/// The time a request has, unless it is meant to last.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The parts of an API server. [`ApiServer::into_service`] puts them together.
pub struct ApiServer {
    /// The resources.
    pub registry: Registry,
    /// Who knows the users.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who decides what they may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// Whether all is well.
    pub health: Health,
    /// What the server says of itself.
    pub version: VersionInfo,
    /// Schemas of what there is.
    pub openapi: Arc<dyn OpenApiSource>,
    /// Keys of service account tokens.
    pub issuer: Option<IssuerDocuments>,
    /// Paths that the program adds.
    pub extensions: Vec<Arc<dyn Extension>>,
    /// What other servers serve of the API; published by who follows them.
    pub aggregation: Aggregation,
    /// Ways to nodes, pods and services.
    pub connectors: Connectors,
    /// What other parts of the process count.
    pub metrics_sources: Vec<MetricsSource>,
    /// How many requests are worked on at a time.
    pub flow_control: FlowControlLimits,
    /// Which flow schema and priority level requests fall under.
    pub flow_schemas: Option<Arc<dyn FlowSchemas>>,
    /// The time a request has, unless it is meant to last.
    pub request_timeout: Duration,
    /// Who writes what requests do.
    pub auditor: Option<Arc<Auditor>>,
    /// Address and port that clients in the cluster reach the server at.
    pub server_address: String,
    /// Cancelled when the server is to stop.
    pub shutdown: CancellationToken,
}

impl ApiServer {
    /// A server of `registry`, with everything optional left out.
    pub fn new(
        registry: Registry,
        authenticator: Arc<dyn Authenticator>,
        authorizer: Arc<dyn Authorizer>,
        openapi: Arc<dyn OpenApiSource>,
        version: VersionInfo,
    ) -> Self {
        Self {
            registry,
            authenticator,
            authorizer,
            health: Health::new(),
            version,
            openapi,
            issuer: None,
            extensions: Vec::new(),
            aggregation: Aggregation::default(),
            connectors: Connectors::default(),
            metrics_sources: Vec::new(),
            flow_control: FlowControlLimits::default(),
            flow_schemas: None,
            request_timeout: REQUEST_TIMEOUT,
            auditor: None,
            server_address: String::from("127.0.0.1:6443"),
            shutdown: CancellationToken::new(),
        }
    }

    /// The API as a service.
    pub fn into_service(self) -> ApiService {
        let metrics = Arc::new(Metrics::default());
        let mut metrics_sources = self.metrics_sources;
        metrics_sources.push(documents::of_registry(self.registry.clone()));
        metrics_sources.push(documents::of_aggregation(self.aggregation.clone()));
        if let Some(auditor) = self.auditor.clone() {
            metrics_sources.push(Arc::new(move |out| auditor.write_metrics(out)));
        }
        let api = Api {
            discovery: Discovery::new(
                self.registry.clone(),
                self.aggregation.clone(),
                self.server_address,
            ),
            registry: self.registry,
            health: self.health,
            version: self.version,
            openapi: OpenApi::new(self.openapi, self.aggregation.clone()),
            issuer: self.issuer,
            extensions: self.extensions,
            aggregation: self.aggregation,
            connectors: self.connectors,
            metrics: Arc::clone(&metrics),
            metrics_sources,
            shutdown: self.shutdown.clone(),
        };
        let parts = ChainParts {
            authenticator: self.authenticator,
            authorizer: self.authorizer,
            flow_control: FlowControl::new(self.flow_control, self.flow_schemas, Arc::clone(&metrics)),
            request_timeout: self.request_timeout,
            auditor: self.auditor,
            metrics: Arc::clone(&metrics),
        };
        ApiService::new(chain(parts, api), metrics, self.shutdown)
    }
}
