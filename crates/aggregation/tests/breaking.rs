//! A look at an API service that breaks down is done again; whoever follows them goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admission::{Cluster, Served};
use aggregation::Parties;
use apiserver::aggregation::Aggregation;
use async_trait::async_trait;
use jiff::Timestamp;
use meta::{GroupVersionKind, GroupVersionResource, Status, User};
use registry::{
    Equivalent, Object, Plugins, Registry, RequestContext, Resource, StorageEncoding, WatchEvent,
    WatchOptions, WeakRegistry,
};
use serde_json::{Value, json};
use store::memory::MemoryStore;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);
const SERVICES: GroupVersionResource = GroupVersionResource::new("", "v1", "services");
const API_SERVICES: GroupVersionResource =
    GroupVersionResource::new("apiregistration.k8s.io", "v1", "apiservices");

/// A cluster in which looking for Services breaks down a few times.
struct Breaking {
    cluster: WeakRegistry,
    times: Arc<AtomicU32>,
}

#[async_trait]
impl Cluster for Breaking {
    async fn get(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        let left = |times: u32| times.checked_sub(1);
        let breaks = *resource == SERVICES
            && self
                .times
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, left)
                .is_ok();
        assert!(!breaks, "this breaks down on purpose");
        self.cluster.get(resource, namespace, name).await
    }

    async fn list(
        &self,
        resource: &GroupVersionResource,
        namespace: Option<&str>,
    ) -> Result<Vec<Arc<Object>>, Status> {
        self.cluster.list(resource, namespace).await
    }

    fn changed_at(&self, resource: &GroupVersionResource) -> Result<u64, Status> {
        self.cluster.changed_at(resource)
    }

    fn served_kind(&self, kind: &GroupVersionKind) -> Option<Served> {
        self.cluster.served_kind(kind)
    }

    fn equivalents(&self, resource: &GroupVersionResource, subresource: &str) -> Vec<Equivalent> {
        self.cluster.equivalents(resource, subresource)
    }

    fn in_version(
        &self,
        resource: &GroupVersionResource,
        object: &Value,
        api_version: &str,
    ) -> Result<Value, Status> {
        self.cluster.in_version(resource, object, api_version)
    }

    fn read(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: Value,
    ) -> Result<Value, Status> {
        self.cluster.read(resource, subresource, object)
    }

    fn with_part(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: &Value,
        part: &Value,
    ) -> Result<Value, String> {
        self.cluster.with_part(resource, subresource, object, part)
    }

    async fn amend(
        &self,
        context: &RequestContext,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        amend: &(dyn for<'a> Fn(&'a mut Value) -> Result<(), Status> + Send + Sync),
    ) -> Result<(), Status> {
        self.cluster
            .amend(context, resource, namespace, name, amend)
            .await
    }
}

fn api_service(version: &str) -> Value {
    json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("{version}.other.example")},
        "spec": {
            "group": "other.example", "version": version, "groupPriorityMinimum": 2000, "versionPriority": 10,
            "insecureSkipTLSVerify": true, "service": {"namespace": "default", "name": "other"},
        },
    })
}

/// Waits until it is said of an API service that its Service is missing.
async fn is_judged(api_services: &Resource, name: &str) {
    let options = WatchOptions::default();
    let mut watch = api_services.watch(None, &options).await.expect("watched");
    let judged = async {
        while let Some(event) = watch.next().await {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                continue;
            };
            if object.name() == name
                && object.tree()["status"]["conditions"][0]["reason"] == "ServiceNotFound"
            {
                return;
            }
        }
        panic!("the watch ended");
    };
    tokio::time::timeout(PATIENCE, judged).await.expect(name);
}

#[tokio::test]
async fn a_look_that_breaks_down_is_done_again() {
    let registry = Registry::start(Arc::new(MemoryStore::new()), kinds::all(), StorageEncoding::Json)
        .await
        .expect("a registry");
    registry.plug(Plugins::default());
    let shutdown = CancellationToken::new();
    let _end = shutdown.clone().drop_guard();
    let times = Arc::new(AtomicU32::new(2));
    let parties = Parties {
        cluster: Arc::new(Breaking {
            cluster: registry.downgrade(),
            times: times.clone(),
        }),
        client: None,
        aggregation: Aggregation::default(),
    };
    aggregation::follow(&registry, parties, &shutdown)
        .await
        .expect("followed");
    let api_services = registry.resource(&API_SERVICES).expect("served");
    let user = Arc::new(User::new("test", &["system:masters"]));
    for version in ["v1", "v2"] {
        let context = RequestContext::new(user.clone(), Timestamp::now());
        let created = api_services.create(&context, "", api_service(version)).await;
        created.expect("created");
        is_judged(&api_services, &format!("{version}.other.example")).await;
    }
    assert_eq!(times.load(Ordering::Acquire), 0);
}
