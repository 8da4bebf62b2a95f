//! A proxy that is told its Services directly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::lean::{EndpointSlice, Service, ServiceKey};
use serde_json::{Value, json};

use super::machine::Machine;
use crate::config::Config;
use crate::health::HealthChecks;
use crate::sync::{Observed, Syncer};

/// A proxy that is told its Services directly.
pub(super) struct Proxy {
    syncer: Syncer,
    config: Arc<Config>,
    objects: Objects,
}

#[derive(Default)]
struct Objects {
    services: BTreeMap<ServiceKey, Arc<Service>>,
    slices: BTreeMap<ServiceKey, Vec<Arc<EndpointSlice>>>,
}

impl Observed for Objects {
    fn service(&self, key: &ServiceKey) -> Option<Arc<Service>> {
        self.services.get(key).cloned()
    }

    fn slices(&self, key: &ServiceKey) -> Vec<Arc<EndpointSlice>> {
        self.slices.get(key).cloned().unwrap_or_default()
    }
}

fn syncer(config: &Arc<Config>) -> Syncer {
    Syncer::new(config.clone(), HealthChecks::new(Arc::default(), true))
}

fn key(name: &str) -> ServiceKey {
    ServiceKey {
        namespace: "a".into(),
        name: name.into(),
    }
}

impl Proxy {
    /// Of the node, in both families.
    pub(super) fn new() -> Self {
        Self::with(Config::new(
            "here",
            vec![Machine::NODE.parse().unwrap(), "fd31::1".parse().unwrap()],
        ))
    }

    pub(super) fn with(config: Config) -> Self {
        let config = Arc::new(Config {
            cluster_cidr: vec!["10.42.0.0/16".parse().unwrap(), "fd42::/64".parse().unwrap()],
            service_cidr: vec!["10.43.0.0/16".parse().unwrap()],
            ..config
        });
        Self {
            syncer: syncer(&config),
            config,
            objects: Objects::default(),
        }
    }

    /// Sets a Service and its endpoints: pods by number; those from 4 are on another node.
    pub(super) async fn set(&mut self, name: &str, spec: Value, endpoints: &[u8]) {
        self.set_object(name, json!({"spec": spec}), endpoints).await;
    }

    /// The same with a status.
    pub(super) async fn set_object(&mut self, name: &str, mut object: Value, endpoints: &[u8]) {
        let metadata = json!({"namespace": "a", "name": name, "labels": {EndpointSlice::SERVICE_NAME: name}});
        object["metadata"] = metadata.clone();
        let slice = |family: &str, prefix: &str| {
            let endpoint = |last: &u8| {
                json!({
                    "addresses": [format!("{prefix}{last}")],
                    "nodeName": if *last < 4 { "here" } else { "there" },
                })
            };
            let value = json!({
                "metadata": metadata,
                "addressType": family,
                "ports": [{"port": 8080}, {"port": 5353, "protocol": "UDP"}],
                "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            });
            Arc::new(serde_json::from_value(value).unwrap())
        };
        let slices = vec![slice("IPv4", "10.42.0."), slice("IPv6", "fd42::")];
        self.objects.slices.insert(key(name), slices);
        let service = Arc::new(serde_json::from_value(object).unwrap());
        self.objects.services.insert(key(name), service);
        self.sync([key(name)].into()).await;
    }

    pub(super) async fn remove(&mut self, name: &str) {
        self.objects.services.remove(&key(name));
        self.objects.slices.remove(&key(name));
        self.sync([key(name)].into()).await;
    }

    async fn sync(&mut self, keys: BTreeSet<ServiceKey>) {
        self.syncer.sync(&keys, &self.objects, None).await.unwrap();
    }

    /// What a proxy does that has just started and is told the same.
    pub(super) async fn load_anew(&self) {
        let keys = self.objects.services.keys().cloned().collect();
        let mut fresh = syncer(&self.config);
        fresh.sync(&keys, &self.objects, None).await.unwrap();
    }
}
