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
mod selection;

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
pub mod policy_status;
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
pub use selection::{Selection, SelectionError};

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
    /// Finished pods that may stay; none is no limit.
    pub terminated_pod_threshold: Option<usize>,
    /// Which of them run.
    pub selection: Selection,
}

/// Runs every controller until the context's shutdown.
pub async fn run_all(context: Context, settings: Settings) {
    let shutdown = context.shutdown();
    // Passes that are cut off are no loss: the next process starts from what the API holds.
    let _ = shutdown.run_until_cancelled(run_each(context, settings)).await;
}

async fn run_each(context: Context, settings: Settings) {
    let chosen = &settings.selection;
    tokio::join!(
        when(
            chosen,
            "token-cleaner-controller",
            bootstrap_tokens::run_cleaner(context.clone())
        ),
        when(
            chosen,
            "bootstrap-signer-controller",
            bootstrap_tokens::run_signer(context.clone())
        ),
        when(
            chosen,
            "certificatesigningrequest-cleaner-controller",
            certificate_cleaner::run(context.clone())
        ),
        when(
            chosen,
            "clusterrole-aggregation-controller",
            cluster_role_aggregation::run(context.clone())
        ),
        when(chosen, "cronjob-controller", cron_job::run(context.clone())),
        when(chosen, "daemonset-controller", daemon_set::run(context.clone())),
        when(chosen, "deployment-controller", deployment::run(context.clone())),
        when(chosen, "disruption-controller", disruption::run(context.clone())),
        when(
            chosen,
            "endpointslice-mirroring-controller",
            endpoint_slice_mirroring::run(context.clone())
        ),
        when(
            chosen,
            "ephemeral-volume-controller",
            ephemeral_volumes::run(context.clone())
        ),
        when(
            chosen,
            "garbage-collector-controller",
            garbage_collector::run(context.clone())
        ),
        when(chosen, "job-controller", job::run(context.clone())),
        when(chosen, "namespace-controller", namespaces::run(context.clone())),
        when(
            chosen,
            "taint-eviction-controller",
            nodes::run_eviction(context.clone())
        ),
        when(
            chosen,
            "node-lifecycle-controller",
            nodes::run_lifecycle(context.clone(), settings.node_grace_period)
        ),
        when(
            chosen,
            "node-ipam-controller",
            nodes::run_pod_cidr(context.clone(), settings.cluster_cidr)
        ),
        when(chosen, "ttl-controller", nodes::run_ttl(context.clone())),
        when(
            chosen,
            "persistentvolume-binder-controller",
            persistent_volume_binder::run(context.clone())
        ),
        when(
            chosen,
            "pod-garbage-collector-controller",
            pod_garbage_collector::run(context.clone(), settings.terminated_pod_threshold)
        ),
        when(chosen, "replicaset-controller", replicaset::run(context.clone())),
        when(
            chosen,
            "replicationcontroller-controller",
            replication_controller::run(context.clone())
        ),
        when(
            chosen,
            "resourcequota-controller",
            resource_quota::run(context.clone())
        ),
        when(
            chosen,
            "root-ca-certificate-publisher-controller",
            root_ca::run(context.clone(), settings.root_certificate_authority)
        ),
        when(
            chosen,
            "serviceaccount-controller",
            service_account::run(context.clone())
        ),
        when(
            chosen,
            "service-cidr-controller",
            service_cidrs::run(context.clone())
        ),
        when(
            chosen,
            "endpoints-controller",
            service_endpoints::run_endpoints(context.clone())
        ),
        when(
            chosen,
            "endpointslice-controller",
            service_endpoints::run_slices(context.clone())
        ),
        when(
            chosen,
            "statefulset-controller",
            stateful_set::run(context.clone())
        ),
        when(
            chosen,
            "ttl-after-finished-controller",
            ttl_after_finished::run(context.clone())
        ),
        when(chosen, policy_status::NAME, policy_status::run(context.clone())),
        when(
            chosen,
            "persistentvolumeclaim-protection-controller",
            volume_protection::run_claims(context.clone())
        ),
        when(
            chosen,
            "persistentvolume-protection-controller",
            volume_protection::run_volumes(context.clone())
        ),
        when(
            chosen,
            volume_protection::CLASSES_NAME,
            volume_protection::run_classes(context)
        ),
    );
}

async fn when(chosen: &Selection, name: &str, controller: impl Future<Output = ()>) {
    if chosen.includes(name) {
        controller.await;
    }
}
