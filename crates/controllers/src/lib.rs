//! The controllers, one folder each.
//!
//! Every controller is level-triggered: a change of anything it looks at puts the key of what it looks after into a queue;
//! a worker reads the current state from informers, a pure `plan` decides, and a small executor acts. Nothing carries over
//! from one pass to the next but what the API holds (and expectations, which only say "do not decide yet").

mod context;
mod discovery;
mod expectations;
mod hash;
mod history;
mod key;
mod metadata;
mod metadata_monitor;
mod node_fit;
mod owner;
mod pod;
mod pod_control;

pub mod bootstrap_tokens;
pub mod certificate_cleaner;
pub mod cluster_role_aggregation;
pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice_mirroring;
pub mod ephemeral_volumes;
pub mod garbage_collector;
pub mod job;
pub mod namespaces;
pub mod nodes;
pub mod persistent_volume_binder;
pub mod pod_garbage_collector;
pub mod replicaset;
pub mod replication_controller;
pub mod resource_quota;
pub mod root_ca;
pub mod service_account;
pub mod service_cidrs;
pub mod service_endpoints;
pub mod stateful_set;
pub mod ttl_after_finished;
pub mod volume_protection;

pub use context::{Context, ControllerError};

use std::time::Duration;

use ipnet::Ipv4Net;

/// What the controllers must be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The authority pods verify the API server by, PEM.
    pub root_certificate_authority: String,
    /// The addresses of all pods, of which each node gets a part.
    pub cluster_cidr: Ipv4Net,
    /// A node that was not heard of for this long is lost.
    pub node_grace_period: Duration,
}

/// Runs every controller until the context's shutdown.
pub async fn run_all(context: Context, settings: Settings) {
    let shutdown = context.shutdown();
    // Passes that are cut off are no loss: the next process starts from what the API holds.
    let _ = shutdown.run_until_cancelled(run_each(context, settings)).await;
}

async fn run_each(context: Context, settings: Settings) {
    tokio::join!(
        bootstrap_tokens::run_cleaner(context.clone()),
        bootstrap_tokens::run_signer(context.clone()),
        certificate_cleaner::run(context.clone()),
        cluster_role_aggregation::run(context.clone()),
        cron_job::run(context.clone()),
        daemon_set::run(context.clone()),
        deployment::run(context.clone()),
        disruption::run(context.clone()),
        endpoint_slice_mirroring::run(context.clone()),
        ephemeral_volumes::run(context.clone()),
        garbage_collector::run(context.clone()),
        job::run(context.clone()),
        namespaces::run(context.clone()),
        nodes::run_eviction(context.clone()),
        nodes::run_lifecycle(context.clone(), settings.node_grace_period),
        nodes::run_pod_cidr(context.clone(), settings.cluster_cidr),
        nodes::run_ttl(context.clone()),
        persistent_volume_binder::run(context.clone()),
        pod_garbage_collector::run(context.clone()),
        replicaset::run(context.clone()),
        replication_controller::run(context.clone()),
        resource_quota::run(context.clone()),
        root_ca::run(context.clone(), settings.root_certificate_authority),
        service_account::run(context.clone()),
        service_cidrs::run(context.clone()),
        service_endpoints::run_endpoints(context.clone()),
        service_endpoints::run_slices(context.clone()),
        stateful_set::run(context.clone()),
        ttl_after_finished::run(context.clone()),
        volume_protection::run_claims(context.clone()),
        volume_protection::run_volumes(context),
    );
}
