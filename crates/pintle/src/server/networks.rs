//! Ways from the API server to kubelets and to addresses in the pod network.

use std::sync::Arc;

use admission::outward::AnyServer;
use apiserver::{ConnectError, Connection, Network, NodeConnector};
use async_trait::async_trait;
use meta::{GroupVersionResource, Status};
use registry::{GetOptions, Registry};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::StartError;
use super::trust::Trust;

/// Kubelets, found by their Node objects.
pub(super) struct Kubelets {
    registry: Registry,
    tls: TlsConnector,
    /// Which of a node's addresses is tried first.
    address_types: Vec<String>,
}

/// The port kubelets listen on unless their node says otherwise.
const KUBELET_PORT: u16 = 10250;
/// The order in which a node's addresses are tried: upstream's, but an address that needs no name service first.
const ADDRESS_TYPES: [&str; 5] = [
    "InternalIP",
    "Hostname",
    "InternalDNS",
    "ExternalDNS",
    "ExternalIP",
];

impl Kubelets {
    /// Kubelets are believed if the cluster's authority signed their certificate, and know the server by its client
    /// certificate.
    pub(super) fn new(
        registry: Registry,
        trust: &Trust,
        address_types: &[String],
    ) -> Result<Self, StartError> {
        let mut roots = rustls::RootCertStore::empty();
        let authorities = pki::Certificate::bundle_from_pem(&trust.kubelet_authority)
            .map_err(|error| StartError::Authentication(error.to_string()))?;
        for authority in authorities {
            roots
                .add(authority.der().clone())
                .map_err(|source| StartError::Tls { source })?;
        }
        let client = &trust.kubelet_client;
        let key = client
            .key()
            .map_err(|error| StartError::Authentication(error.to_string()))?;
        let config = builder()?
            .with_root_certificates(roots)
            .with_client_auth_cert(client.chain(), key)
            .map_err(|source| StartError::Tls { source })?;
        Ok(Self {
            registry,
            tls: TlsConnector::from(Arc::new(config)),
            address_types: match address_types {
                [] => ADDRESS_TYPES.map(str::to_owned).to_vec(),
                chosen => chosen.to_vec(),
            },
        })
    }

    async fn address(&self, node: &str) -> Result<(String, u16), Status> {
        let name = GroupVersionResource::new("", "v1", "nodes");
        let nodes = self
            .registry
            .resource(&name)
            .ok_or_else(|| Status::not_found(&name.group_resource(), node))?;
        let object = nodes
            .get(
                "",
                node,
                &GetOptions {
                    resource_version: String::from("0"),
                },
            )
            .await?;
        let status = object.tree().get("status").cloned().unwrap_or_default();
        let port = status
            .pointer("/daemonEndpoints/kubeletEndpoint/Port")
            .and_then(Value::as_u64);
        let port = port
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0);
        let address = preferred_address(&status, &self.address_types)
            .ok_or_else(|| Status::internal("no preferred addresses found; known addresses: []"))?;
        Ok((address, port.unwrap_or(KUBELET_PORT)))
    }
}

fn builder() -> Result<rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>, StartError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| StartError::Tls { source })
}

fn preferred_address(status: &Value, types: &[String]) -> Option<String> {
    let addresses = status.get("addresses")?.as_array()?;
    types.iter().find_map(|kind| {
        let is_of_type = |address: &&Value| address["type"] == kind.as_str();
        let found = addresses.iter().find(is_of_type)?;
        found.get("address").and_then(Value::as_str).map(str::to_owned)
    })
}

#[async_trait]
impl NodeConnector for Kubelets {
    async fn connect(&self, node: &str) -> Result<Connection, ConnectError> {
        let (host, port) = self.address(node).await.map_err(ConnectError::NoAddress)?;
        let stream = dial(&host, port).await?;
        let name = ServerName::try_from(host.clone())
            .map_err(|error| dial_error(&host, port)(std::io::Error::other(error)))?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(dial_error(&host, port))?;
        Ok(Connection {
            stream: Box::new(stream),
            scheme: "https",
            authority: authority(&host, port),
        })
    }
}

/// Addresses this machine can reach.
pub(super) struct Addresses {
    tls: TlsConnector,
}

impl Addresses {
    pub(super) fn new() -> Result<Self, StartError> {
        let config = builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer::new()))
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
        })
    }
}

#[async_trait]
impl Network for Addresses {
    async fn connect(&self, scheme: &str, host: &str, port: u16) -> Result<Connection, ConnectError> {
        let stream = dial(host, port).await?;
        let authority = authority(host, port);
        if scheme != "https" {
            return Ok(Connection {
                stream: Box::new(stream),
                scheme: "http",
                authority,
            });
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| dial_error(host, port)(std::io::Error::other(error)))?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(dial_error(host, port))?;
        Ok(Connection {
            stream: Box::new(stream),
            scheme: "https",
            authority,
        })
    }
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    TcpStream::connect((host, port))
        .await
        .map_err(dial_error(host, port))
}

fn dial_error(host: &str, port: u16) -> impl FnOnce(std::io::Error) -> ConnectError {
    let address = authority(host, port);
    move |error| ConnectError::Dial { address, error }
}

/// Host and port, as they stand in a URL.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
