//! The components of the master that are clients of the API.

use std::sync::Arc;

use client::Informers;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::Clients;
use super::options::ServerOptions;
use super::trust::Trust;
use crate::node::publish_name_service;

/// Starts the components that are not disabled; they end with the token.
pub(super) fn start(
    options: &ServerOptions,
    trust: &Trust,
    clients: &Clients,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    if !options.disable_controller_manager {
        let client = clients.component("system:kube-controller-manager", "kube-controller-manager");
        let informers = Arc::new(Informers::new(client, shutdown.clone()));
        let of_controllers = clients.clone();
        let context = controllers::Context::new(
            move |name| of_controllers.controller(name),
            informers,
            shutdown.clone(),
        );
        let settings = controllers::Settings {
            root_certificate_authority: trust.root_authority.clone(),
            cluster_cidr: options.controllers.cluster_cidr.unwrap_or(options.cluster_cidr),
            node_grace_period: options.controllers.node_grace_period,
        };
        tasks.spawn(controllers::run_all(context, settings));
        tasks.spawn(cluster::certificates::run(
            clients.controller("certificate-controller"),
            trust.signing_authority.clone(),
            shutdown.clone(),
        ));
        tasks.spawn(publish_name_service(
            clients.server(),
            options.dns_address(),
            shutdown.clone(),
        ));
        let own = (!options.disable_agent).then(|| options.node.name());
        tasks.spawn(cluster::masters::run(
            clients.server(),
            own,
            options.control_plane_taint,
            shutdown.clone(),
        ));
    }
    if !options.disable_scheduler {
        let client = clients.component("system:kube-scheduler", "kube-scheduler");
        tasks.spawn(scheduler::run(
            scheduler::Config {
                scheduler_name: options.scheduler.name.clone(),
            },
            client,
            shutdown.clone(),
        ));
    }
}
