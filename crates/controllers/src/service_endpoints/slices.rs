//! EndpointSlices: the addresses of a Service in portions, so that one change is a small write.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{Node, Service};
use client::k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::lean::Pod;
use client::{Client, DeleteOptions, Informer, Scope, WorkQueue, run_workers};

use super::backends::{self, Backend, Port};
use super::endpoints::HEADLESS;
use super::watch::{queue_services, selector};
use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;

/// The controller's name; also its service account.
pub const NAME: &str = "endpointslice-controller";
const WORKERS: usize = 5;
/// Endpoints in one slice, upstream's default.
const MAX_ENDPOINTS: usize = 100;
/// Names the Service a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Tells this controller's slices from those others make.
const MANAGED_BY: (&str, &str) = (
    "endpointslice.kubernetes.io/managed-by",
    "endpointslice-controller.k8s.io",
);
const ZONE: &str = "topology.kubernetes.io/zone";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        services: context.informers().of::<Service>(),
        pods: context.informers().of::<Pod>(),
        nodes: context.informers().of::<Node>(),
        slices: context.informers().of::<EndpointSlice>(),
    });
    let queue = WorkQueue::new();
    queue_services(&controller.services, &controller.pods, &queue);
    let to = queue.clone();
    controller.slices.on_change(move |change| {
        if let Some(key) = change.old.as_ref().and_then(|slice| service_key(slice)) {
            to.add(key);
        }
    });
    controller.services.synced().await;
    controller.pods.synced().await;
    controller.nodes.synced().await;
    controller.slices.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

fn service_key(slice: &EndpointSlice) -> Option<Key> {
    let labels = slice.metadata.labels.as_ref()?;
    if labels.get(MANAGED_BY.0).map(String::as_str) != Some(MANAGED_BY.1) {
        return None;
    }
    Some(Key::new(
        slice.metadata.namespace.as_deref().unwrap_or(""),
        labels.get(SERVICE_NAME)?,
    ))
}

struct Controller {
    client: Client,
    services: Informer<Service>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    slices: Informer<EndpointSlice>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        // Slices of a Service that is gone are the garbage collector's.
        let service = self.services.store().get(&key.namespace, &key.name);
        let Some(service) = service.filter(|service| selector(service).is_some()) else {
            return Ok(Outcome::Done);
        };
        let pods = self.pods.store().in_namespace(&key.namespace);
        let there: Vec<_> = self.slices.store().in_namespace(&key.namespace);
        let there: Vec<_> = there
            .into_iter()
            .filter(|slice| service_key(slice).as_ref() == Some(&key))
            .collect();
        let zone = |node: &str| {
            let node = self.nodes.store().get("", node)?;
            node.metadata.labels.as_ref()?.get(ZONE).cloned()
        };
        let plan = plan(&service, &pods, &there, &zone);
        self.carry_out(&key.namespace, plan).await?;
        Ok(Outcome::Done)
    }

    async fn carry_out(&self, namespace: &str, plan: Plan) -> Result<(), ControllerError> {
        let scope = Scope::Namespace(namespace);
        for slice in &plan.create {
            optional(self.client.create(scope, slice).await).map_err(doing("create a slice"))?;
        }
        for slice in &plan.update {
            optional(self.client.replace(slice).await).map_err(doing("update a slice"))?;
        }
        for name in &plan.delete {
            let result = self
                .client
                .delete::<EndpointSlice>(scope, name, &DeleteOptions::default())
                .await;
            optional(result).map_err(doing("delete a slice"))?;
        }
        Ok(())
    }
}

/// What to write.
#[derive(Debug, Default, PartialEq)]
struct Plan {
    create: Vec<EndpointSlice>,
    update: Vec<EndpointSlice>,
    delete: Vec<String>,
}

/// What is to be in one slice, there already or not.
struct Portion {
    there: Option<Arc<EndpointSlice>>,
    ports: Vec<Port>,
    backends: Vec<Backend>,
}

/// Brings the slices of a Service to what its pods are. Endpoints stay in the slice they are in; new ones go where there is
/// room; what is empty goes, but for one slice, which says that there is nothing.
fn plan(
    service: &Service,
    pods: &[Arc<Pod>],
    there: &[Arc<EndpointSlice>],
    zone: &dyn Fn(&str) -> Option<String>,
) -> Plan {
    let mut plan = Plan::default();
    for family in families(service) {
        let of_family: Vec<_> = there
            .iter()
            .filter(|slice| slice.address_type == family)
            .collect();
        plan_family(service, pods, family, &of_family, zone, &mut plan);
    }
    plan
}

fn families(service: &Service) -> Vec<&'static str> {
    let listed = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ip_families.as_deref())
        .unwrap_or_default();
    if listed.is_empty() {
        return vec!["IPv4"];
    }
    listed
        .iter()
        .map(|family| if family == "IPv6" { "IPv6" } else { "IPv4" })
        .collect()
}

fn plan_family(
    service: &Service,
    pods: &[Arc<Pod>],
    family: &'static str,
    there: &[&Arc<EndpointSlice>],
    zone: &dyn Fn(&str) -> Option<String>,
    plan: &mut Plan,
) {
    let mut wanted: BTreeMap<Vec<Port>, BTreeMap<IpAddr, Backend>> =
        backends::of_service(service, pods, family == "IPv6")
            .into_iter()
            .map(|(ports, backends)| (ports, backends.into_iter().map(|b| (b.address, b)).collect()))
            .collect();
    let mut kept: Vec<Portion> = Vec::new();
    for slice in there {
        let ports = ports_of(slice);
        let still: Vec<Backend> = match wanted.get_mut(&ports) {
            None => Vec::new(),
            Some(wanted) => slice
                .endpoints
                .iter()
                .flatten()
                .filter_map(|endpoint| wanted.remove(&endpoint.addresses.first()?.parse().ok()?))
                .collect(),
        };
        kept.push(Portion {
            there: Some((*slice).clone()),
            ports,
            backends: still,
        });
    }
    for (ports, backends) in wanted {
        place(&mut kept, &ports, backends.into_values());
    }
    let is_empty = kept.iter().all(|portion| portion.backends.is_empty());
    if kept.is_empty() {
        kept.push(Portion {
            there: None,
            ports: Vec::new(),
            backends: Vec::new(),
        });
    }
    let mut placeholder = is_empty;
    for Portion {
        there: slice,
        ports,
        backends,
    } in kept
    {
        // One empty slice stays, or is made, if there is nothing at all.
        let stays = !backends.is_empty() || std::mem::take(&mut placeholder);
        match (slice, stays) {
            (Some(slice), false) => plan.delete.push(slice.metadata.name.clone().unwrap_or_default()),
            (Some(slice), true) => {
                let mut next = make(service, family, &ports, &backends, zone);
                next.metadata = ObjectMeta {
                    labels: next.metadata.labels,
                    ..slice.metadata.clone()
                };
                if !is_same(&next, &slice) {
                    plan.update.push(next);
                }
            }
            (None, true) => plan.create.push(make(service, family, &ports, &backends, zone)),
            (None, false) => {}
        }
    }
}

/// Whether a slice says what it should; an empty list may be left out on the wire.
fn is_same(next: &EndpointSlice, there: &EndpointSlice) -> bool {
    next.endpoints.as_deref().unwrap_or_default() == there.endpoints.as_deref().unwrap_or_default()
        && next.ports == there.ports
        && next.metadata.labels == there.metadata.labels
}

/// Puts backends into slices of their ports that have room, then into new ones.
fn place(slices: &mut Vec<Portion>, ports: &[Port], backends: impl Iterator<Item = Backend>) {
    let mut backends = backends.peekable();
    for portion in slices.iter_mut().filter(|portion| portion.ports == ports) {
        let room = MAX_ENDPOINTS.saturating_sub(portion.backends.len());
        portion.backends.extend(backends.by_ref().take(room));
    }
    while backends.peek().is_some() {
        let next = backends.by_ref().take(MAX_ENDPOINTS).collect();
        slices.push(Portion {
            there: None,
            ports: ports.to_vec(),
            backends: next,
        });
    }
}

fn ports_of(slice: &EndpointSlice) -> Vec<Port> {
    let mut ports: Vec<Port> = slice
        .ports
        .iter()
        .flatten()
        .map(|port| Port {
            name: port.name.clone().unwrap_or_default(),
            protocol: port.protocol.clone().unwrap_or_default(),
            number: port.port.unwrap_or(0),
            app_protocol: port.app_protocol.clone(),
        })
        .collect();
    ports.sort();
    ports
}

fn make(
    service: &Service,
    family: &str,
    ports: &[Port],
    backends: &[Backend],
    zone: &dyn Fn(&str) -> Option<String>,
) -> EndpointSlice {
    let name = service.metadata.name.clone().unwrap_or_default();
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    if service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None") {
        labels.insert(HEADLESS.0.to_owned(), HEADLESS.1.to_owned());
    }
    labels.insert(SERVICE_NAME.to_owned(), name.clone());
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    let ports: Vec<_> = ports.iter().map(port).collect();
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(vec![owner::controller_reference(service)]),
            ..ObjectMeta::default()
        },
        address_type: family.to_owned(),
        endpoints: Some(backends.iter().map(|backend| endpoint(backend, zone)).collect()),
        ports: (!ports.is_empty()).then_some(ports),
    }
}

fn endpoint(backend: &Backend, zone: &dyn Fn(&str) -> Option<String>) -> Endpoint {
    Endpoint {
        addresses: vec![backend.address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(backend.ready),
            serving: Some(backend.serving),
            terminating: Some(backend.terminating),
        }),
        hostname: backend.hostname.clone(),
        zone: backend.node.as_deref().and_then(zone),
        node_name: backend.node.clone(),
        target_ref: Some(backend.pod.clone()),
        ..Endpoint::default()
    }
}

fn port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: (!port.name.is_empty()).then(|| port.name.clone()),
        port: Some(port.number),
        protocol: Some(port.protocol.clone()),
        app_protocol: port.app_protocol.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::backends::testing::{pod, service};
    use super::*;

    fn no_zone(_: &str) -> Option<String> {
        None
    }

    fn many(count: usize) -> Vec<Arc<Pod>> {
        (0..count)
            .map(|i| pod(&format!("10.0.{}.{}", i / 256, i % 256), 80, true))
            .collect()
    }

    /// What is there once the plan is carried out.
    fn carried_out(there: Vec<Arc<EndpointSlice>>, plan: Plan) -> Vec<Arc<EndpointSlice>> {
        let name = |slice: &EndpointSlice| slice.metadata.name.clone().unwrap_or_default();
        let untouched = |slice: &Arc<EndpointSlice>| {
            !plan.delete.contains(&name(slice)) && !plan.update.iter().any(|s| name(s) == name(slice))
        };
        let mut slices: Vec<_> = there.into_iter().filter(untouched).collect();
        slices.extend(plan.update.into_iter().map(Arc::new));
        for mut slice in plan.create {
            slice.metadata.name = Some(format!("slice-{}", slices.len()));
            slices.push(Arc::new(slice));
        }
        slices
    }

    fn sizes(slices: &[Arc<EndpointSlice>]) -> Vec<usize> {
        slices
            .iter()
            .map(|slice| slice.endpoints.as_ref().map_or(0, Vec::len))
            .collect()
    }

    #[test]
    fn endpoints_are_portioned_and_a_second_pass_does_nothing() {
        let pods = many(250);
        let slices = carried_out(Vec::new(), plan(&service(), &pods, &[], &no_zone));
        assert_eq!(sizes(&slices), [100, 100, 50]);
        assert_eq!(plan(&service(), &pods, &slices, &no_zone), Plan::default());
    }

    #[test]
    fn one_change_is_one_write() {
        let slices = carried_out(Vec::new(), plan(&service(), &many(150), &[], &no_zone));
        let next = plan(&service(), &many(151), &slices, &no_zone);
        assert_eq!(
            (next.create.len(), next.update.len(), next.delete.len()),
            (0, 1, 0)
        );
    }

    #[test]
    fn a_service_without_pods_has_one_empty_slice() {
        let slices = carried_out(Vec::new(), plan(&service(), &[], &[], &no_zone));
        assert_eq!(sizes(&slices), [0]);
        assert_eq!(plan(&service(), &[], &slices, &no_zone), Plan::default());
    }

    #[test]
    fn slices_that_become_empty_go_but_for_one() {
        let slices = carried_out(Vec::new(), plan(&service(), &many(250), &[], &no_zone));
        let slices = carried_out(slices.clone(), plan(&service(), &[], &slices, &no_zone));
        assert_eq!(sizes(&slices), [0]);
    }
}
