//! The way to another server: connections that are kept and shared, and new ones.

use std::sync::Arc;
use std::time::Duration;

use admission::Cluster;
use admission::outward::{ClientProof, Connector, Proofs, cause};
use apiserver::aggregation::Backend;
use apiserver::{Connection, IncomingBody};
use async_trait::async_trait;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::service::Other;

/// How many connections are kept while nothing is asked, and how long.
const MAX_IDLE_CONNECTIONS: usize = 16;
const IDLE_FOR: Duration = Duration::from_secs(90);
/// After how long a silent connection is tried, and how long that may take.
const PING_AFTER: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(15);

/// The way to a server behind a Service.
pub(crate) struct ServiceBackend {
    authority: Authority,
    client: Client<Connector, IncomingBody>,
    /// For connections that change protocols.
    direct: Connector,
}

impl ServiceBackend {
    /// Nothing is connected before it is needed. Else says what is wrong with what is said of the server.
    pub(crate) fn new(
        other: &Other,
        client: Option<ClientProof>,
        cluster: &Arc<dyn Cluster>,
    ) -> Result<Self, String> {
        let proofs = Proofs {
            authorities: other.authorities.clone()?,
            any_server: other.any_server,
            client,
            only_http1: false,
        };
        let connector = Connector::new(other.address(), &proofs, cluster)?;
        let only_http1 = Proofs {
            only_http1: true,
            ..proofs
        };
        let authority = format!("{}:{}", other.address().server_name(), other.port);
        Ok(Self {
            authority: authority.parse().map_err(|error| format!("{error}"))?,
            direct: Connector::new(other.address(), &only_http1, cluster)?,
            client: Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .http2_keep_alive_interval(PING_AFTER)
                .http2_keep_alive_timeout(PONG_WITHIN)
                .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
                .pool_idle_timeout(IDLE_FOR)
                .build(connector),
        })
    }

    /// The address with the server it is to be asked of.
    fn absolute(&self, target: &Uri) -> Result<Uri, http::Error> {
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }
}

#[async_trait]
impl Backend for ServiceBackend {
    async fn send(&self, mut request: Request<IncomingBody>) -> Result<Response<Incoming>, String> {
        let target = self.absolute(request.uri()).map_err(|error| error.to_string())?;
        *request.uri_mut() = target;
        self.client.request(request).await.map_err(|error| cause(&error))
    }

    async fn connect(&self) -> Result<Connection, String> {
        let stream = self
            .direct
            .clone()
            .connect()
            .await
            .map_err(|error| error.to_string())?;
        Ok(Connection {
            stream: Box::new(stream),
            scheme: "https",
            authority: self.authority.to_string(),
        })
    }
}
