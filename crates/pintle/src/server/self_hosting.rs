//! The process on the host of a self-hosted control plane: it keeps the node's part, and puts the static pod there.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Client, transport};
use cluster::DataDir;
use cluster::masters::TaintMode;
use http::Request;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::datastore;
use super::error::StartError;
use super::leadership::{self, Leadership};
use super::options::ServerOptions;
use super::own_clients::OwnClients;
use super::{END_WITHIN, backup, certificates, listen, ready, work};
use crate::node::{Failure, LateCertificate, publish_name_service};
use crate::renewal::renew_when_due;
use crate::selfhosted;
use crate::settings::ElectionSettings;
use crate::signals::cancel_on_signal;

/// How often the API in its container is asked whether it is ready: nothing tells of that.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long an answer to that may take; then another is asked for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// After so long the log says that the API is not ready yet.
const LONG: Duration = Duration::from_secs(60);

/// By this Lease the masters of a cluster agree which of them does what is pintle's own.
const LEASE: &str = "pintle-masters";

/// Runs until a signal ends it. The containers go on afterwards, and the next start adopts them.
pub(super) async fn serve(mut options: ServerOptions, started: Instant) -> Result<(), StartError> {
    let shutdown = CancellationToken::new();
    cancel_on_signal(shutdown.clone()).map_err(|source| StartError::Runtime { source })?;
    if options.disable_agent {
        return Err(StartError::NoNode);
    }
    let seen = options.backup.check_container(&options.data_dir);
    seen.map_err(StartError::Backup)?;
    backup::Plan::of(&options)?;
    cluster::data_dir::refuse_half_restored(&options.data_dir)?;
    selfhosted::refuse_others(&options.data_dir)?;
    let held = DataDir::open(selfhosted::agent_folder(&options.data_dir))?;
    if options.https_listen_port == 0 {
        options.https_listen_port = free_port(&options).await?;
    }
    let leadership = agree(&options, &held).await?;
    let pki = certificates::ensure(&options)?;
    selfhosted::prepare(&options).map_err(|source| StartError::Prepare { source })?;

    let tasks = TaskTracker::new();
    let failure = Failure::default();
    let certificate = Arc::new(LateCertificate::default());
    let mut clients = OwnClients::new(&options);
    let node = match leadership {
        Leadership::Alone => clients.of_node()?,
        Leadership::Elected => clients.of_node_among_masters(&options, &tasks, &shutdown)?,
    };
    work(&options, &pki, &certificate, node, &tasks, &shutdown, &failure).await?;
    let administrator = clients.of("admin")?;
    tasks.spawn(renew(
        options.clone(),
        pki.due_at,
        clients,
        certificate,
        shutdown.clone(),
    ));
    if shutdown
        .run_until_cancelled(until_ready(&administrator))
        .await
        .is_some()
    {
        if !options.disable_controller_manager {
            look_after(&options, leadership, &administrator, &tasks, &shutdown);
        }
        ready::announce(&options, started)?;
        shutdown.cancelled().await;
    }
    tasks.close();
    if tokio::time::timeout(END_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!("some parts of the node did not end in time");
    }
    failure.check().map_err(Into::into)
}

/// A port that is free now. The API listens on it a moment later, in its container.
async fn free_port(options: &ServerOptions) -> Result<u16, StartError> {
    let listener = listen(options).await?;
    let address = listener
        .local_addr()
        .map_err(|source| StartError::Runtime { source })?;
    Ok(address.port())
}

/// Makes certificates anew when they are due, and uses those that are this process's own. The containers read theirs at their
/// start.
async fn renew(
    options: ServerOptions,
    due_at: Timestamp,
    clients: OwnClients,
    kubelet: Arc<LateCertificate>,
    shutdown: CancellationToken,
) {
    let renew = || {
        let renewed = certificates::ensure(&options).and_then(|pki| {
            clients.reload()?;
            certificates::serve_kubelet(&pki, &kubelet)?;
            Ok(pki.due_at)
        });
        std::future::ready(renewed)
    };
    renew_when_due("certificates", due_at, renew, shutdown).await;
}

async fn until_ready(client: &Client) {
    let ready = async {
        while !is_ready(client).await {
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let mut ready = pin!(ready);
    while tokio::time::timeout(LONG, &mut ready).await.is_err() {
        tracing::warn!("the API server in its container is not ready yet; logs of its pod may say why");
    }
}

async fn is_ready(client: &Client) -> bool {
    let request = Request::get("/readyz").body(transport::empty());
    let request = request.expect("the path is a constant");
    let answer = tokio::time::timeout(ANSWER_WITHIN, client.send(request)).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success()))
}

/// What is pintle's own and no component of upstream's does.
fn look_after(
    options: &ServerOptions,
    leadership: Leadership,
    client: &Client,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let (name, mode) = (options.node.name(), options.control_plane_taint);
    let (of_all, service, own) = (client.clone(), options.dns_address(), name.clone());
    tasks.spawn(leadership.run(
        ElectionSettings::of(LEASE),
        name.clone(),
        client.clone(),
        shutdown.clone(),
        move |leading| {
            let name_service = publish_name_service(of_all.clone(), service, leading.clone());
            let taints = cluster::masters::run(of_all.clone(), Some(own.clone()), mode, leading);
            async {
                tokio::join!(name_service, taints);
            }
        },
    ));
    if leadership == Leadership::Elected {
        let marks = cluster::masters::run(client.clone(), Some(name), TaintMode::Never, shutdown.clone());
        tasks.spawn(marks);
    }
}

/// The API server in its container agrees with others too; here the node's certificates come first.
async fn agree(options: &ServerOptions, held: &DataDir) -> Result<Leadership, StartError> {
    if !options.shares_datastore() {
        return Ok(Leadership::Alone);
    }
    let datastore = datastore::open(options, held).await?;
    leadership::of(options, &datastore).await
}
