//! Endpoints: one object per Service with all its addresses, for clients older than EndpointSlices.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::lean::Pod;
use client::{Change, Client, DeleteOptions, Informer, Scope, WorkQueue, run_workers};

use super::backends::{self, Backend, Port};
use super::watch::{queue_services, selector};
use crate::context::{Context, ControllerError, doing};
use crate::key::Key;

/// The controller's name; also its service account.
pub const NAME: &str = "endpoint-controller";
const WORKERS: usize = 5;
/// More addresses than this are left out: who needs them reads slices.
const MAX_ADDRESSES: usize = 1000;
/// Says so.
const OVER_CAPACITY: (&str, &str) = ("endpoints.kubernetes.io/over-capacity", "truncated");
/// Marks what this controller writes, so that it is not mirrored into slices.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", NAME);
/// Holds the record of an election.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Marks endpoints of a Service without address.
pub(super) const HEADLESS: (&str, &str) = ("service.kubernetes.io/headless", "");

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        services: context.informers().of::<Service>(),
        pods: context.informers().of::<Pod>(),
        endpoints: context.informers().of::<Endpoints>(),
    });
    let queue = WorkQueue::new();
    queue_services(&controller.services, &controller.pods, &queue);
    let (to, services) = (queue.clone(), controller.services.clone());
    controller.endpoints.on_change(move |change| {
        let is_concerned = |key: &Key| {
            let has_service = services.store().get(&key.namespace, &key.name).is_some();
            is_concerned(change, has_service)
        };
        let key = change.object().map(|endpoints| Key::of(&endpoints.metadata));
        if let Some(key) = key.filter(is_concerned) {
            to.add(key);
        }
    });
    controller.services.synced().await;
    controller.pods.synced().await;
    controller.endpoints.synced().await;
    let left_over = controller.endpoints.store().list();
    for endpoints in left_over.iter().filter(|endpoints| !is_election(endpoints)) {
        queue.add(Key::of(&endpoints.metadata));
    }
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    services: Informer<Service>,
    pods: Informer<Pod>,
    endpoints: Informer<Endpoints>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let there = self.endpoints.store().get(&key.namespace, &key.name);
        let Some(service) = self.services.store().get(&key.namespace, &key.name) else {
            if there.is_some() {
                let scope = Scope::Namespace(&key.namespace);
                let result = self
                    .client
                    .delete::<Endpoints>(scope, &key.name, &DeleteOptions::default())
                    .await;
                optional(result).map_err(doing("delete the endpoints of a service that is gone"))?;
            }
            return Ok(Outcome::Done);
        };
        if selector(&service).is_none() {
            return Ok(Outcome::Done);
        }
        let pods = self.pods.store().in_namespace(&key.namespace);
        let result = match (there, wanted(&service, &pods)) {
            (Some(there), wanted) if is_same(&there, &wanted) => return Ok(Outcome::Done),
            (Some(there), mut wanted) => {
                wanted.metadata.resource_version = there.metadata.resource_version.clone();
                self.client.replace(&wanted).await
            }
            (None, wanted) => {
                self.client
                    .create(Scope::Namespace(&key.namespace), &wanted)
                    .await
            }
        };
        optional(result).map_err(doing("write the endpoints of a service"))?;
        Ok(Outcome::Done)
    }
}

/// Whether a change of Endpoints is a reason to look at their Service. Those that somebody keeps without a Service are theirs.
fn is_concerned(change: &Change<Endpoints>, has_service: bool) -> bool {
    change.new.is_none() || (change.old.is_some() && has_service)
}

/// Endpoints that stand for no Service: components once elected their leaders by an annotation of one.
fn is_election(endpoints: &Endpoints) -> bool {
    let annotations = endpoints.metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| annotations.contains_key(LEADER))
}

fn is_same(there: &Endpoints, wanted: &Endpoints) -> bool {
    let none = |subsets: &Option<Vec<EndpointSubset>>| subsets.clone().unwrap_or_default();
    none(&there.subsets) == none(&wanted.subsets)
        && there.metadata.labels == wanted.metadata.labels
        && there.metadata.annotations == wanted.metadata.annotations
}

/// The Endpoints a Service should have.
fn wanted(service: &Service, pods: &[Arc<Pod>]) -> Endpoints {
    let mut left = MAX_ADDRESSES;
    let mut truncated = false;
    let mut subsets = Vec::new();
    for (ports, backends) in backends::of_service(service, pods, false) {
        // A pod on its way out is no endpoint in this older form.
        let backends: Vec<_> = backends
            .into_iter()
            .filter(|b| b.ready || !b.terminating)
            .collect();
        truncated |= backends.len() > left;
        let taken = backends.len().min(left);
        left -= taken;
        subsets.extend(subset(&ports, &backends[..taken]));
    }
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.extend([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())]);
    if service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None") {
        labels.extend([(HEADLESS.0.to_owned(), HEADLESS.1.to_owned())]);
    }
    let annotations: BTreeMap<_, _> = truncated
        .then(|| (OVER_CAPACITY.0.to_owned(), OVER_CAPACITY.1.to_owned()))
        .into_iter()
        .collect();
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        },
        subsets: (!subsets.is_empty()).then_some(subsets),
    }
}

fn subset(ports: &[Port], backends: &[Backend]) -> Option<EndpointSubset> {
    let addresses = |ready: bool| {
        let found: Vec<_> = backends
            .iter()
            .filter(|b| b.ready == ready)
            .map(address)
            .collect();
        (!found.is_empty()).then_some(found)
    };
    (!backends.is_empty()).then(|| EndpointSubset {
        addresses: addresses(true),
        not_ready_addresses: addresses(false),
        ports: (!ports.is_empty()).then(|| ports.iter().map(port).collect()),
    })
}

fn address(backend: &Backend) -> EndpointAddress {
    EndpointAddress {
        ip: backend.address.to_string(),
        hostname: backend.hostname.clone(),
        node_name: backend.node.clone(),
        target_ref: Some(backend.pod.clone()),
    }
}

fn port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: (!port.name.is_empty()).then(|| port.name.clone()),
        port: port.number,
        protocol: Some(port.protocol.clone()),
        app_protocol: port.app_protocol.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::backends::testing::{pod, service};
    use super::*;

    #[test]
    fn ready_pods_and_others_stand_apart() {
        let pods = [pod("10.0.0.1", 80, true), pod("10.0.0.2", 80, false)];
        let subsets = wanted(&service(), &pods).subsets.unwrap();
        let ips = |addresses: &Option<Vec<EndpointAddress>>| -> Vec<String> {
            addresses
                .iter()
                .flatten()
                .map(|address| address.ip.clone())
                .collect()
        };
        assert_eq!(ips(&subsets[0].addresses), ["10.0.0.1"]);
        assert_eq!(ips(&subsets[0].not_ready_addresses), ["10.0.0.2"]);
    }

    #[test]
    fn endpoints_that_somebody_keeps_without_a_service_are_left_alone() {
        let some = || Some(Arc::new(Endpoints::default()));
        for (old, new, has_service, expected) in [
            (None, some(), false, false),
            (some(), some(), false, false),
            (None, some(), true, false),
            (some(), some(), true, true),
            (some(), None, false, true),
            (some(), None, true, true),
        ] {
            let change = Change { old, new };
            assert_eq!(
                is_concerned(&change, has_service),
                expected,
                "{change:?} {has_service}"
            );
        }
    }

    #[test]
    fn a_service_without_pods_has_endpoints_without_addresses() {
        assert_eq!(wanted(&service(), &[]).subsets, None);
    }

    #[test]
    fn too_many_addresses_are_cut_off_and_it_says_so() {
        let pods: Vec<_> = (0..1001)
            .map(|i| pod(&format!("10.0.{}.{}", i / 256, i % 256), 80, true))
            .collect();
        let wanted = wanted(&service(), &pods);
        let subsets = wanted.subsets.unwrap();
        assert_eq!(subsets[0].addresses.as_ref().map(Vec::len), Some(MAX_ADDRESSES));
        assert!(wanted.metadata.annotations.unwrap().contains_key(OVER_CAPACITY.0));
    }
}
