//! What a master does besides answering.

use cluster::flow_schemas;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backup::{BackupSource, Plan};
use super::clients::Clients;
use super::components;
use super::datastore::Datastore;
use super::leadership::Leadership;
use super::options::ServerOptions;
use super::presence::Presence;
use super::trust::Trust;

/// A master that answers already.
pub(super) struct Master<'a> {
    pub(super) options: &'a ServerOptions,
    pub(super) trust: &'a Trust,
    pub(super) datastore: &'a Datastore,
    pub(super) clients: &'a Clients,
    pub(super) leadership: Leadership,
    pub(super) tasks: &'a TaskTracker,
    pub(super) shutdown: &'a CancellationToken,
}

impl Master<'_> {
    /// Starts what every master does: it keeps the store small and itself known, runs the components, and makes backups if that is
    /// planned.
    pub(super) fn begin(&self, backups: Option<Plan>) {
        let Self {
            options,
            trust,
            datastore,
            clients,
            leadership,
            tasks,
            shutdown,
        } = *self;
        datastore.keep_compacted(options.api.compaction_interval, tasks, shutdown);
        tasks.spawn(flow_schemas::run(clients.server(), shutdown.clone()));
        if leadership == Leadership::Elected {
            let presence = Presence {
                store: datastore.store(),
                client: clients.server(),
                own: options.advertised(),
                authority: trust.client_authority.clone(),
            };
            tasks.spawn(presence.keep(shutdown.clone()));
        }
        components::start(options, trust, clients, leadership, tasks, shutdown);
        if let Some(backups) = backups {
            let source = BackupSource::new(options, datastore.store());
            let candidate = (options.node.name(), clients.server());
            backups.start(source, leadership, candidate, tasks, shutdown);
        }
    }
}
