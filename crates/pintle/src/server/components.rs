//! The components of the master that are clients of the API.

use std::sync::Arc;

use client::Informers;
use cluster::masters::TaintMode;
use pki::Authority;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::Clients;
use super::leadership::Leadership;
use super::options::ServerOptions;
use super::trust::Trust;
use crate::node::publish_name_service;

const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const SCHEDULER: &str = "kube-scheduler";

/// Starts the components that are not disabled; they end with the token.
pub(super) fn start(
    options: &ServerOptions,
    trust: &Trust,
    clients: &Clients,
    leadership: Leadership,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let own = (!options.disable_agent).then(|| options.node.name());
    if !options.disable_controller_manager {
        let controllers = Controllers {
            options: options.clone(),
            root_authority: trust.root_authority.clone(),
            signing_authority: trust.signing_authority.clone(),
            clients: clients.clone(),
            own: own.clone(),
        };
        tasks.spawn(leadership.run(
            options.controllers.election.clone(),
            options.node.name(),
            controllers.client(),
            shutdown.clone(),
            move |leading| controllers.clone().work(leading),
        ));
    }
    if leadership == Leadership::Elected && own.is_some() {
        // Every master marks itself; the taints of all are the leader's.
        tasks.spawn(cluster::masters::run(
            clients.server(),
            own,
            TaintMode::Never,
            shutdown.clone(),
        ));
    }
    if !options.disable_scheduler {
        let client = clients.component("system:kube-scheduler", SCHEDULER);
        let scheduler_name = options.scheduler.name.clone();
        tasks.spawn(leadership.run(
            options.scheduler.election.clone(),
            options.node.name(),
            client.clone(),
            shutdown.clone(),
            move |leading| {
                let scheduler_name = scheduler_name.clone();
                scheduler::run(scheduler::Config { scheduler_name }, client.clone(), leading)
            },
        ));
    }
}

/// The controllers, and what is pintle's own beside upstream's.
#[derive(Clone)]
struct Controllers {
    options: ServerOptions,
    root_authority: String,
    signing_authority: Arc<Authority>,
    clients: Clients,
    /// This machine's node, if it is one.
    own: Option<String>,
}

impl Controllers {
    fn client(&self) -> client::Client {
        self.clients
            .component("system:kube-controller-manager", CONTROLLER_MANAGER)
    }

    /// Runs until the token fires.
    async fn work(self, leading: CancellationToken) {
        let Self { options, clients, .. } = &self;
        let informers = Arc::new(Informers::new(self.client(), leading.clone()));
        let of_controllers = clients.clone();
        let context = controllers::Context::new(
            move |name| of_controllers.controller(name),
            informers,
            leading.clone(),
        );
        let settings =
            (options.controllers).of_controllers(self.root_authority.clone(), options.cluster_cidr);
        let parts = TaskTracker::new();
        parts.spawn(controllers::run_all(context, settings));
        parts.spawn(cluster::certificates::run(
            clients.controller("certificate-controller"),
            self.signing_authority.clone(),
            options.controllers.certificate_duties(),
            leading.clone(),
        ));
        parts.spawn(publish_name_service(
            clients.server(),
            options.dns_address(),
            leading.clone(),
        ));
        parts.spawn(cluster::masters::run(
            clients.server(),
            self.own.clone(),
            options.control_plane_taint,
            leading,
        ));
        parts.close();
        parts.wait().await;
    }
}
