//! `--etcd-listen`: the server's own store, for clients of etcd.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use etcd_api::server::TlsFiles;
use etcd_api::{EtcdApi, Lessor, Settings, server};
use jiff::Timestamp;
use pki::{EtcdPki, Layout, PkiError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::datastore::Datastore;
use super::error::StartError;
use super::options::ServerOptions;
use crate::etcd::space_of;
use crate::node::machine;

/// What is done for clients of etcd while the server runs.
#[derive(Default)]
pub(super) struct EtcdFace {
    /// Leases that clients were granted end in time, whether or not they are served now.
    _leases: Option<Arc<Lessor>>,
    serving: Option<(CancellationToken, JoinHandle<std::io::Result<()>>)>,
}

/// Makes the certificates around the store that are missing or due; says when the next is.
pub(super) fn ensure_certificates(options: &ServerOptions) -> Result<Timestamp, PkiError> {
    let mut names = options.tls_san.clone();
    names.extend(machine::host_name());
    names.push(options.advertise_address().to_string());
    let layout = Layout::in_folder(&options.data_dir);
    Ok(EtcdPki::ensure(&layout, &names, Timestamp::now())?.due_at)
}

/// The files with which the store is served.
pub fn tls_files(layout: &Layout) -> TlsFiles {
    TlsFiles {
        certificate: layout.certificate(EtcdPki::SERVER),
        key: layout.key(EtcdPki::SERVER),
        client_authority: Some(layout.certificate(EtcdPki::AUTHORITY)),
    }
}

/// Looks after the leases of the server's own store, and serves it if that is asked for.
pub(super) async fn start(options: &ServerOptions, datastore: &Datastore) -> Result<EtcdFace, StartError> {
    let Some(embedded) = datastore.embedded() else {
        return match options.etcd_listen {
            Some(_) => Err(StartError::ForeignStore),
            None => Ok(EtcdFace::default()),
        };
    };
    let failed = |source| StartError::Leases { source };
    let store = datastore.store();
    let leases = Lessor::start(store.clone()).await.map_err(failed)?;
    let mut face = EtcdFace {
        _leases: Some(leases.clone()),
        serving: None,
    };
    let Some(address) = options.etcd_listen else {
        return Ok(face);
    };
    let tls = server::files_config(&tls_files(&Layout::in_folder(&options.data_dir)));
    let tls = tls.map_err(|source| StartError::EtcdTls { source })?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| StartError::EtcdListen { address, source })?;
    let shutdown = CancellationToken::new();
    let settings = Settings {
        name: options.node.name(),
        client_urls: vec![url(options, listener.local_addr().unwrap_or(address))],
        scratch: options.data_dir.clone(),
        space: space_of(embedded.clone()),
        shutdown: shutdown.clone(),
        ..Settings::default()
    };
    tracing::info!(
        url = settings.client_urls[0],
        "the store is served to clients of etcd"
    );
    let api = EtcdApi::open(store, leases, settings).await.map_err(failed)?;
    face.serving = Some((shutdown, tokio::spawn(server::serve(api, listener, Some(tls)))));
    Ok(face)
}

/// Where clients find an address that is listened on.
fn url(options: &ServerOptions, address: SocketAddr) -> String {
    let host: IpAddr = if address.ip().is_unspecified() {
        options.advertise_address()
    } else {
        address.ip()
    };
    format!("https://{}", SocketAddr::new(host, address.port()))
}

impl EtcdFace {
    /// Takes leave of the clients.
    pub(super) async fn end(self) {
        if let Some((shutdown, serving)) = self.serving {
            shutdown.cancel();
            if let Ok(Err(error)) = serving.await {
                tracing::warn!(%error, "clients of etcd were no longer served");
            }
        }
    }
}
