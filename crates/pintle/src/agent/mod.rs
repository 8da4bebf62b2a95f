//! `pintle agent`: joins a cluster and works as one of its nodes.

mod credentials;
mod error;
mod joining;
mod options;
mod shared;

pub use error::AgentError;
pub use options::AgentOptions;

use std::sync::Arc;
use std::time::Instant;

use cluster::DataDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::node::{self, Failure, LateCertificate, Masters, NodeSettings};
use crate::runtime;
use crate::signals::cancel_on_signal;
use credentials::Credentials;

/// Runs a worker node until a signal ends it.
pub fn run(options: AgentOptions) -> Result<(), AgentError> {
    let started = Instant::now();
    runtime::block_on(work(options, started)).map_err(AgentError::Runtime)?
}

async fn work(options: AgentOptions, started: Instant) -> Result<(), AgentError> {
    let shutdown = CancellationToken::new();
    cancel_on_signal(shutdown.clone()).map_err(AgentError::Runtime)?;
    let data_dir = DataDir::open(&options.data_dir)?;
    let masters = Masters::new(&options.server, &data_dir.agent()).map_err(AgentError::Server)?;
    let joined = shutdown
        .run_until_cancelled(joining::join(&options, &data_dir, &masters))
        .await;
    let Some(joined) = joined.transpose()? else {
        return Ok(());
    };
    let tasks = TaskTracker::new();
    let request = joining::request(&options, &data_dir, &masters)?;
    let unusable = |source| AgentError::Config {
        path: joining::kubeconfig(&data_dir),
        source,
    };
    let credentials = Credentials::new(request, &masters, &joined, &tasks, &shutdown).map_err(unusable)?;
    let clients = credentials.clients().map_err(unusable)?;
    tasks.spawn(masters.follow(clients.of_masters(), shutdown.clone()));
    let shared = shared::read(credentials.node(), &data_dir.agent().join("cluster.json")).await?;
    let certificate = Arc::new(LateCertificate::default());
    credentials.keep_serving(certificate.clone())?;
    let authority = joined.config.certificate_authority;
    let settings = NodeSettings::new(&options.node, &options.data_dir, shared, authority);
    let failure = Failure::default();
    node::start(&settings, clients, certificate, &tasks, &shutdown, &failure).await?;
    println!("pintle agent is ready after {} ms", started.elapsed().as_millis());

    shutdown.cancelled().await;
    tasks.close();
    if tokio::time::timeout(node::END_WITHIN, tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!("some parts of the node did not end in time");
    }
    Ok(failure.check()?)
}
