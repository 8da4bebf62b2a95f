//! Ways to the other ends, plugged in where the server is assembled.

use std::sync::Arc;

use async_trait::async_trait;
use meta::{Reason, Status, quote};
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// An open connection on which HTTP/1.1 can be spoken, TLS done where it is needed.
pub struct Connection {
    /// The bytes.
    pub stream: Box<dyn ByteStream>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Who is there: `10.0.0.7:10250`.
    pub authority: String,
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The other end does not exist or has no address.
    #[error("{0}")]
    NoAddress(Status),
    /// It does not answer.
    #[error("dial tcp {address}: {error}")]
    Dial {
        /// What was dialled.
        address: String,
        /// What went wrong.
        error: std::io::Error,
    },
    /// Nothing is plugged in that could get there.
    #[error("{0} cannot be reached from this server")]
    NotConnected(&'static str),
}

impl ConnectError {
    /// As a Status, for the stream to a node.
    pub fn to_node(self) -> Status {
        match self {
            Self::NoAddress(status) => status,
            other => Status::failure(500, Reason::UNKNOWN, format!("error dialing backend: {other}")),
        }
    }

    /// As a Status, for the proxy to a pod or service.
    pub fn to_service(self) -> Status {
        match self {
            Self::NoAddress(status) => status,
            other => Status::service_unavailable(format!("error trying to reach service: {other}")),
        }
    }
}

/// Connects to kubelets, with the client certificate they know the API server by.
#[async_trait]
pub trait NodeConnector: Send + Sync {
    /// A connection to the kubelet of a node.
    async fn connect(&self, node: &str) -> Result<Connection, ConnectError>;
}

/// Connects to addresses in the networks of nodes and pods.
#[async_trait]
pub trait Network: Send + Sync {
    /// A connection. For `https` the certificate of the other end is not verified: who proxies to a pod names an address, not
    /// an identity.
    async fn connect(&self, scheme: &str, host: &str, port: u16) -> Result<Connection, ConnectError>;
}

/// Finds endpoints of services.
#[async_trait]
pub trait ServiceResolver: Send + Sync {
    /// Address and port of a ready endpoint for a port (name or number; empty for the only one).
    async fn resolve(&self, namespace: &str, name: &str, port: &str)
    -> Result<Option<(String, u16)>, Status>;
}

/// Whatever ways there are.
#[derive(Clone, Default)]
pub struct Connectors {
    /// To kubelets.
    pub nodes: Option<Arc<dyn NodeConnector>>,
    /// To addresses.
    pub network: Option<Arc<dyn Network>>,
    /// To services.
    pub services: Option<Arc<dyn ServiceResolver>>,
}

impl Connectors {
    /// A connection to the kubelet of a node.
    pub async fn node(&self, node: &str) -> Result<Connection, ConnectError> {
        match &self.nodes {
            Some(nodes) => nodes.connect(node).await,
            None => Err(ConnectError::NotConnected("nodes")),
        }
    }

    /// A connection to an address.
    pub async fn address(&self, scheme: &str, host: &str, port: u16) -> Result<Connection, ConnectError> {
        match &self.network {
            Some(network) => network.connect(scheme, host, port).await,
            None => Err(ConnectError::NotConnected("addresses")),
        }
    }

    /// A connection to an endpoint of a service.
    pub async fn service(
        &self,
        scheme: &str,
        namespace: &str,
        name: &str,
        port: &str,
    ) -> Result<Connection, ConnectError> {
        let Some(services) = &self.services else {
            return Err(ConnectError::NotConnected("services"));
        };
        let found = services
            .resolve(namespace, name, port)
            .await
            .map_err(ConnectError::NoAddress)?;
        let Some((host, port)) = found else {
            let message = format!("no endpoints available for service {}", quote(name));
            return Err(ConnectError::NoAddress(Status::service_unavailable(message)));
        };
        self.address(scheme, &host, port).await
    }
}
