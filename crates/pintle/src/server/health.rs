//! What `/healthz`, `/livez` and `/readyz` look at, under upstream's names: tools exclude checks by name.

use std::sync::Arc;

use apiserver::{Health, HealthCheck, Hook, Ping, Probe};
use async_trait::async_trait;
use registry::{Registry, WeakRegistry};
use store::StateStore;
use tokio_util::sync::CancellationToken;

const EVERYWHERE: &[Probe] = &Probe::ALL;
const READY: &[Probe] = &[Probe::Ready];
const ALIVE: &[Probe] = &[Probe::Health, Probe::Live];

/// Steps of upstream's start. Here most of them are one: the caches, authorization and admission are there before the first
/// request is taken, and the objects of every cluster are made right after. What has no step here has nothing to wait for
/// but the start itself.
const STEPS: [&str; 30] = [
    "start-apiserver-admission-initializer",
    "generic-apiserver-start-informers",
    "priority-and-fairness-config-consumer",
    "priority-and-fairness-filter",
    "storage-object-count-tracker-hook",
    "start-apiextensions-informers",
    "start-apiextensions-controllers",
    "crd-informer-synced",
    "start-system-namespaces-controller",
    "peer-endpoint-reconciler-controller",
    "start-cluster-authentication-info-controller",
    "start-kube-apiserver-identity-lease-controller",
    "start-kube-apiserver-identity-lease-garbage-collector",
    "storage-readiness",
    "start-legacy-token-tracking-controller",
    "start-service-ip-repair-controllers",
    "rbac/bootstrap-roles",
    "scheduling/bootstrap-system-priority-classes",
    "priority-and-fairness-config-producer",
    "bootstrap-controller",
    "start-kubernetes-service-cidr-controller",
    "aggregator-reload-proxy-client-cert",
    "start-kube-aggregator-informers",
    "apiservice-status-local-available-controller",
    "apiservice-status-remote-available-controller",
    "apiservice-registration-controller",
    "apiservice-discovery-controller",
    "kube-apiserver-autoregistration",
    "apiservice-openapi-controller",
    "apiservice-openapiv3-controller",
];

/// The checks of a server: whether it answers, whether its store does, whether its start is done, whether it is ending.
pub(super) fn checks(
    store: Arc<dyn StateStore>,
    registry: &Registry,
    started: &Hook,
    shutdown: &CancellationToken,
) -> Health {
    let store = Store(store);
    let mut health = Health::new()
        .with("ping", EVERYWHERE, Ping)
        .with("log", EVERYWHERE, Ping)
        .with("loopback-serving-certificate", ALIVE, Ping)
        .with("etcd", EVERYWHERE, store.clone())
        .with("etcd-readiness", READY, store)
        .with("informer-sync", READY, Caches(registry.downgrade()));
    for step in STEPS {
        health = health.with(format!("poststarthook/{step}"), EVERYWHERE, started.clone());
        if step == "kube-apiserver-autoregistration" {
            health = health.with("autoregister-completion", EVERYWHERE, started.clone());
        }
    }
    health.with("shutdown", READY, Ending(shutdown.clone()))
}

/// Whether the store answers.
#[derive(Clone)]
struct Store(Arc<dyn StateStore>);

#[async_trait]
impl HealthCheck for Store {
    async fn check(&self) -> Result<(), String> {
        self.0.health().await.map_err(|error| error.to_string())
    }
}

/// Whether the watch caches follow the store.
struct Caches(WeakRegistry);

#[async_trait]
impl HealthCheck for Caches {
    async fn check(&self) -> Result<(), String> {
        self.0.upgrade().map_err(|status| status.message)?.ready()
    }
}

/// Whether the server is about to end.
struct Ending(CancellationToken);

#[async_trait]
impl HealthCheck for Ending {
    async fn check(&self) -> Result<(), String> {
        if self.0.is_cancelled() {
            Err(String::from("process is shutting down"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut names: Vec<&str> = STEPS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
