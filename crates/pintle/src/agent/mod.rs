//! `pintle agent`: joins a cluster and works as one of its nodes.

mod error;
mod joining;
mod options;
mod shared;

pub use error::AgentError;
pub use options::AgentOptions;

use std::sync::Arc;
use std::time::Instant;

use client::Client;
use client::config::ClientConfig;
use cluster::DataDir;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::node::{self, Failure, LateCertificate, Masters, NodeSettings};
use crate::signals::cancel_on_signal;

/// Runs a worker node until a signal ends it.
pub fn run(options: AgentOptions) -> Result<(), AgentError> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(AgentError::Runtime)?;
    runtime.block_on(work(options, started))
}

async fn work(options: AgentOptions, started: Instant) -> Result<(), AgentError> {
    let shutdown = CancellationToken::new();
    cancel_on_signal(shutdown.clone()).map_err(AgentError::Runtime)?;
    let data_dir = DataDir::open(&options.data_dir)?;
    let masters = Masters::new(&options.server, &data_dir.agent()).map_err(AgentError::Server)?;
    let joined = shutdown
        .run_until_cancelled(joining::join(&options, &data_dir, &masters))
        .await;
    let Some(config) = joined.transpose()? else {
        return Ok(());
    };
    let path = joining::kubeconfig(&data_dir);
    let client = masters.client(&config, "pintle-agent");
    let client = client.map_err(|source| AgentError::Config { path, source })?;
    let shared = shared::read(&client, &data_dir.agent().join("cluster.json")).await?;
    let certificate = Arc::new(LateCertificate::default());
    let tasks = TaskTracker::new();
    tasks.spawn(masters.follow(client.clone(), shutdown.clone()));
    tasks.spawn(serve_as_soon_as_signed(
        options.clone(),
        data_dir.agent(),
        client.clone(),
        certificate.clone(),
        shutdown.clone(),
    ));
    let settings = NodeSettings::new(&options.node, &options.data_dir, shared, authority(&config));
    let failure = Failure::default();
    node::start(&settings, &client, certificate, &tasks, &shutdown, &failure).await?;
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

fn authority(config: &ClientConfig) -> String {
    String::from_utf8_lossy(&config.certificate_authority).into_owned()
}

/// Gets the kubelet's serving certificate, however long it takes.
async fn serve_as_soon_as_signed(
    options: AgentOptions,
    folder: std::path::PathBuf,
    client: Client,
    certificate: Arc<LateCertificate>,
    shutdown: CancellationToken,
) {
    let names = options.node.names();
    let (file, key) = (folder.join("kubelet.crt"), folder.join("kubelet.key"));
    let mut pause = joining::Pause::default();
    loop {
        let asked = cluster::join::serving_identity(&client, &names, &file, &key, Timestamp::now());
        let Some(identity) = shutdown.run_until_cancelled(asked).await else {
            return;
        };
        match identity {
            Ok(identity) => match certificate.set(&identity) {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "the kubelet's serving certificate cannot be used"),
            },
            Err(error) => {
                tracing::warn!(error = %client::controller::Chain(&error), "no serving certificate yet")
            }
        }
        if shutdown.run_until_cancelled(pause.wait()).await.is_none() {
            return;
        }
    }
}
