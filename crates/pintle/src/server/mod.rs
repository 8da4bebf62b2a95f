//! `pintle server`: puts a master node together and runs it.

mod actions;
mod admission_metrics;
mod agreement;
mod api;
mod backup;
mod certificates;
mod clients;
mod component_status;
mod components;
mod datastore;
mod documents;
mod duties;
mod endpoints;
mod error;
mod etcd_face;
mod followers;
mod health;
mod history;
mod hooks;
mod join_token;
mod leadership;
mod lookups;
mod networks;
mod options;
mod own_clients;
mod presence;
mod process_metrics;
mod ready;
mod self_hosting;
#[cfg(test)]
mod several_masters;
mod trust;

pub use self::backup::PATH as BACKUP_PATH;
pub use agreement::{AgreementError, reseal};
pub use datastore::connect as connect_etcd;
pub use error::StartError;
pub use history::PATH as HISTORY_PATH;
pub use options::{DatastoreOptions, ServerOptions, endpoint};

use std::sync::Arc;
use std::time::{Duration, Instant};

use apiserver::{Limits, Server, tls_config};
use cluster::DataDir;
use pki::ServerPki;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::node::{self, Failure, LateCertificate, NodeClients, NodeSettings};
use crate::runtime;
use crate::selfhosted;
use crate::signals::cancel_on_signal;
use clients::Clients;
use duties::Master;
use leadership::Leadership;
use own_clients::OwnClients;
use trust::Trust;

/// How long the parts of the server may take to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Runs a master node until a signal ends it.
pub fn run(options: ServerOptions) -> Result<(), StartError> {
    let started = Instant::now();
    let ended = if options.self_hosted {
        runtime::block_on(self_hosting::serve(options, started))
    } else {
        runtime::block_on(serve(options, started))
    };
    ended.map_err(|source| StartError::Runtime { source })?
}

async fn serve(mut options: ServerOptions, started: Instant) -> Result<(), StartError> {
    let shutdown = CancellationToken::new();
    cancel_on_signal(shutdown.clone()).map_err(|source| StartError::Runtime { source })?;

    // The process that keeps a node must not start anew what ends here.
    let _agent = selfhosted::hold_agent(&options)?;
    if !options.in_static_pod {
        selfhosted::leave(&options.data_dir).await?;
    }
    let listener = listen(&options).await?;
    // Port 0 asks for any free one; from here on it is the one that was given.
    options.https_listen_port = listener
        .local_addr()
        .map_or(options.https_listen_port, |address| address.port());
    let backups = backup::Plan::of(&options)?;
    let data_dir = DataDir::open(&options.data_dir)?;
    let datastore = datastore::open(&options, &data_dir).await?;
    let leadership = leadership::of(&options, &datastore).await?;
    let pki = certificates::ensure(&options)?;
    let trust = Trust::new(&pki, &options)?;
    let service = api::assemble(&options, &trust, &datastore, CancellationToken::new()).await?;

    let etcd_face = etcd_face::start(&options, &datastore).await?;
    let certificate = certificates::served(&trust.serving)?;
    let tls = tls_config(certificate.clone()).map_err(|source| StartError::Tls { source })?;
    let server = Server::new(service.api.clone(), tls, limits(&options));
    let serving = tokio::spawn(server.run(listener));

    let clients = Clients::new(service.api.clone());
    let token = join_token::ensure(options.token.as_deref(), &data_dir, &pki)?;
    service
        .bootstrap(&options, &trust, token, &clients, leadership, datastore.is_new())
        .await?;
    let tasks = TaskTracker::new();
    let master = Master {
        options: &options,
        trust: &trust,
        datastore: &datastore,
        clients: &clients,
        leadership,
        tasks: &tasks,
        shutdown: &shutdown,
    };
    master.begin(backups);
    let failure = Failure::default();
    let kubelet_certificate = Arc::new(LateCertificate::default());
    let mut own = OwnClients::new(&options);
    if !options.disable_agent {
        let node = match leadership {
            Leadership::Alone => clients.node(&options.node.name()),
            Leadership::Elected => own.of_node_among_masters(&options, &tasks, &shutdown)?,
        };
        work(
            &options,
            &pki,
            &kubelet_certificate,
            node,
            &tasks,
            &shutdown,
            &failure,
        )
        .await?;
    }
    tasks.spawn(certificates::renew(
        options.clone(),
        pki.due_at,
        certificate,
        kubelet_certificate,
        own,
        shutdown.clone(),
    ));
    ready::announce(&options, started)?;

    shutdown.cancelled().await;
    end_components(&tasks).await;
    service.api.shutdown().cancel();
    serving
        .await
        .map_err(|_| StartError::Panicked)?
        .map_err(|source| StartError::Serve { source })?;
    if let Some(auditor) = &service.auditor {
        auditor.shut_down().await;
    }
    etcd_face.end().await;
    datastore.close();
    failure.check().map_err(Into::into)
}

/// The components end first, so that they can still say what they have to; then the server.
async fn end_components(tasks: &TaskTracker) {
    tasks.close();
    if tokio::time::timeout(END_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!("some components did not end in time");
    }
}

/// Makes this machine a node too.
async fn work(
    options: &ServerOptions,
    pki: &ServerPki,
    certificate: &Arc<LateCertificate>,
    clients: NodeClients,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    failure: &Failure,
) -> Result<(), StartError> {
    certificates::serve_kubelet(pki, certificate)?;
    let authority = pki.authority.certificate().to_pem();
    let settings = NodeSettings::new(&options.node, &options.data_dir, options.shared(), authority);
    node::start(&settings, clients, certificate.clone(), tasks, shutdown, failure).await?;
    Ok(())
}

fn limits(options: &ServerOptions) -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_streams = options.api.max_streams.unwrap_or(limits.max_concurrent_streams);
    limits
}

async fn listen(options: &ServerOptions) -> Result<TcpListener, StartError> {
    let address = options.listen_address();
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}
