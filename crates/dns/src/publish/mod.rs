//! The Service of the cluster's DNS, and the endpoints behind it.
//!
//! The Service has no selector: every node that serves DNS has an EndpointSlice of its own, kept by the node itself
//! ([`publish`]) or by one for all ([`publish_all`]). A hint asks the proxies of the same node to use its server, so that
//! DNS on one node does not depend on another. A slice belongs to its node, and is deleted with it.

mod plan;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use client::error::optional;
use client::k8s_openapi::api::core::v1::{Node, Service};
use client::k8s_openapi::api::discovery::v1::EndpointSlice;
use client::{Client, DeleteOptions, Informer, ListOptions, Scope};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use plan::{
    MANAGED_BY, MANAGER, NAME, NAMESPACE, SERVICE_NAME, ServiceStep, SliceStep, WantedService, service_step,
    slice_step, wanted_slices,
};

/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// What may be spent on taking a node's part away.
const FAREWELL_TIME_LIMIT: Duration = Duration::from_secs(3);

/// What a node makes known of its DNS server.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The addresses of the Service, the first one first: one, or one of each family.
    pub service_addresses: Vec<IpAddr>,
    /// The node.
    pub node_name: String,
    /// Where the node's server listens. All of a family have the same port.
    pub listeners: Vec<SocketAddr>,
}

/// The DNS server of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The node.
    pub node_name: String,
    /// Its object's UID, if it is known: the slice is then deleted with the node.
    pub node_uid: Option<String>,
    /// Where the server listens. All of a family have the same port.
    pub listeners: Vec<SocketAddr>,
}

/// Keeps the Service, and this node's slice of its endpoints, until the token fires; then takes the slice away.
///
/// A Service of that name that has a selector belongs to another DNS server: it is left as it is, and no slice is made.
pub async fn publish(client: Client, publication: Publication, shutdown: CancellationToken) {
    let (servers, changes) = watch::channel(vec![Server {
        node_name: publication.node_name,
        node_uid: None,
        listeners: publication.listeners,
    }]);
    let this_node = ListOptions::fields(format!("metadata.name={}", servers.borrow()[0].node_name));
    let nodes = Informer::<Node>::start(client.clone(), "", this_node, shutdown.clone());
    nodes.on_change(move |change| {
        // While the node is not known, its slice stays whose it is.
        if let Some(uid) = change.new.as_ref().and_then(|node| node.metadata.uid.clone()) {
            servers.send_if_modified(|servers| {
                let is_new = servers[0].node_uid.as_ref() != Some(&uid);
                servers[0].node_uid = Some(uid);
                is_new
            });
        }
    });
    let publisher = Publisher {
        client,
        service_addresses: publication.service_addresses,
        others: Others::Stay,
    };
    let keep = publisher.keep(changes.clone(), &shutdown);
    let _ = shutdown.run_until_cancelled(keep).await;
    let server = changes.borrow()[0].clone();
    let farewell = publisher.take_away(&server);
    if tokio::time::timeout(FAREWELL_TIME_LIMIT, farewell).await.is_err() {
        tracing::debug!("this node's endpoints of the DNS Service could not be taken away in time");
    }
}

/// Keeps the Service and a slice for each of the servers until the token fires. Slices of servers that are not among them
/// (any more) are deleted, so the first value must be all there are. At the end, slices stay: nodes go on answering.
///
/// A Service of that name that has a selector belongs to another DNS server: it is left as it is, and no slice is made.
pub async fn publish_all(
    client: Client,
    service_addresses: Vec<IpAddr>,
    servers: watch::Receiver<Vec<Server>>,
    shutdown: CancellationToken,
) {
    let publisher = Publisher {
        client,
        service_addresses,
        others: Others::Go,
    };
    let _ = shutdown
        .run_until_cancelled(publisher.keep(servers, &shutdown))
        .await;
}

/// What happens with slices that are nobody's whom we publish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Stay,
    Go,
}

struct Publisher {
    client: Client,
    service_addresses: Vec<IpAddr>,
    others: Others,
}

/// What the API has.
struct Held {
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
}

impl Publisher {
    /// Sets things right at the start, and whenever somebody changes them or the servers are others.
    async fn keep(&self, mut servers: watch::Receiver<Vec<Server>>, shutdown: &CancellationToken) {
        let changed = Arc::new(Notify::new());
        let held = self.follow(&changed, shutdown);
        held.services.synced().await;
        held.slices.synced().await;
        let mut retry = FIRST_RETRY;
        loop {
            let wanted = servers.borrow_and_update().clone();
            match self.set_right(&held, &wanted).await {
                Ok(()) => {
                    retry = FIRST_RETRY;
                    tokio::select! {
                        () = changed.notified() => {}
                        () = next(&mut servers) => {}
                    }
                }
                // Others may do the same at the same time, and at first the namespace may not be there.
                Err(error) => {
                    tracing::debug!(error = %client::controller::Chain(&error), "cannot publish the DNS Service yet");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    fn follow(&self, changed: &Arc<Notify>, shutdown: &CancellationToken) -> Held {
        let client = || self.client.clone();
        let named = ListOptions::fields(format!("metadata.name={NAME}"));
        let services = Informer::<Service>::start(client(), NAMESPACE, named, shutdown.clone());
        let labelled = ListOptions::labels(format!("{SERVICE_NAME}={NAME},{MANAGED_BY}={MANAGER}"));
        let slices = Informer::<EndpointSlice>::start(client(), NAMESPACE, labelled, shutdown.clone());
        let to = changed.clone();
        services.on_change(move |_| to.notify_one());
        let to = changed.clone();
        slices.on_change(move |_| to.notify_one());
        Held { services, slices }
    }

    async fn set_right(&self, held: &Held, servers: &[Server]) -> Result<(), client::Error> {
        let wanted: Vec<EndpointSlice> = servers.iter().flat_map(wanted_slices).collect();
        let service = WantedService {
            addresses: self.service_addresses.clone(),
            target_port: servers
                .iter()
                .flat_map(|server| &server.listeners)
                .map(SocketAddr::port)
                .next(),
        };
        let now = held.services.store().get(NAMESPACE, NAME);
        match service_step(now.as_deref(), &service) {
            ServiceStep::None => {}
            ServiceStep::Create(service) => {
                let created = self
                    .client
                    .create(Scope::Namespace(NAMESPACE), service.as_ref())
                    .await;
                ignore(created, client::Error::is_already_exists)?;
            }
            ServiceStep::LeaveToOthers(why) => {
                tracing::warn!("Service {NAMESPACE}/{NAME} {why}: it is left as it is");
                let is_ours = |name: &str| self.others == Others::Go || names(&wanted).any(|own| own == name);
                return self.delete_slices(held, is_ours).await;
            }
        }
        self.write_slices(held, &wanted).await?;
        let is_old = |name: &str| self.others == Others::Go && !names(&wanted).any(|own| own == name);
        self.delete_slices(held, is_old).await
    }

    async fn write_slices(&self, held: &Held, wanted: &[EndpointSlice]) -> Result<(), client::Error> {
        for slice in wanted {
            let name = slice.metadata.name.as_deref().unwrap_or_default();
            let now = held.slices.store().get(NAMESPACE, name);
            match slice_step(now.as_deref(), slice.clone()) {
                SliceStep::None => {}
                SliceStep::Create(slice) => {
                    let created = self
                        .client
                        .create(Scope::Namespace(NAMESPACE), slice.as_ref())
                        .await;
                    ignore(created, client::Error::is_already_exists)?;
                }
                SliceStep::Replace(slice) => {
                    let replaced = self.client.replace(slice.as_ref()).await;
                    ignore(replaced, |error| error.is_conflict() || error.is_not_found())?;
                }
            }
        }
        Ok(())
    }

    async fn delete_slices(&self, held: &Held, which: impl Fn(&str) -> bool) -> Result<(), client::Error> {
        let slices = held.slices.store().in_namespace(NAMESPACE);
        for name in slices.iter().filter_map(|slice| slice.metadata.name.as_deref()) {
            if which(name) {
                self.delete_slice(name).await?;
            }
        }
        Ok(())
    }

    async fn take_away(&self, server: &Server) {
        for name in names(&wanted_slices(server)) {
            if let Err(error) = self.delete_slice(name).await {
                tracing::debug!(%error, "this node's endpoints of the DNS Service could not be taken away");
            }
        }
    }

    async fn delete_slice(&self, name: &str) -> Result<(), client::Error> {
        let scope = Scope::Namespace(NAMESPACE);
        let options = DeleteOptions::default();
        let deleted = self.client.delete::<EndpointSlice>(scope, name, &options).await;
        optional(deleted).map(|_| ())
    }
}

/// Waits for other servers; for ever if there will be none.
async fn next(servers: &mut watch::Receiver<Vec<Server>>) {
    if servers.changed().await.is_err() {
        std::future::pending().await
    }
}

fn names(slices: &[EndpointSlice]) -> impl Iterator<Item = &str> {
    slices.iter().filter_map(|slice| slice.metadata.name.as_deref())
}

/// Somebody else was faster: the informer will tell.
fn ignore<T>(
    result: Result<T, client::Error>,
    expected: impl Fn(&client::Error) -> bool,
) -> Result<(), client::Error> {
    match result {
        Err(error) if !expected(&error) => Err(error),
        _ => Ok(()),
    }
}
