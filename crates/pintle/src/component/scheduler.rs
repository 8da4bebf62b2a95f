//! The scheduler in a process of its own.

use client::{Client, https};
use tokio_util::sync::CancellationToken;

use super::{ComponentError, connection, health, leading};
use crate::settings::SchedulerSettings;

/// Runs until the token fires.
pub(super) async fn run(
    settings: SchedulerSettings,
    shutdown: CancellationToken,
) -> Result<(), ComponentError> {
    let config = connection::config(settings.kubeconfig.as_deref(), settings.master.as_deref())?;
    let client = Client::new(https::connect(&config)?, "kube-scheduler");
    let of_scheduler = scheduler::Config {
        scheduler_name: settings.name,
    };
    if let Some(address) = settings.health.socket() {
        health::serve_https(address, "kube-scheduler", shutdown.clone()).await?;
    }
    tracing::info!(server = config.server, "the scheduler runs");
    leading::run(&settings.election, client.clone(), shutdown, |leading| {
        scheduler::run(of_scheduler, client, leading)
    })
    .await
}
