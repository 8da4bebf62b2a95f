//! Statuses and mirrors against an API server in memory.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::node::NodeShared;
use crate::source::pods_of_node;
use crate::testing::{FakeApi, eventually};

const PATH: &str = "/api/v1/namespaces/default/pods/web";

struct Case {
    api: Arc<FakeApi>,
    pods: Informer<Pod>,
    publisher: Arc<Publisher>,
    shutdown: CancellationToken,
}

impl Drop for Case {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn object() -> Value {
    json!({
        "metadata": { "uid": "u1" },
        "spec": { "nodeName": "a", "containers": [{ "name": "c" }] },
        "status": { "phase": "Pending", "conditions": [{ "type": "Other", "status": "True" }] },
    })
}

impl Case {
    async fn new() -> Self {
        let api = FakeApi::new();
        api.put(PATH, object());
        let shutdown = CancellationToken::new();
        let pods = pods_of_node(api.client(), "a", shutdown.clone());
        pods.synced().await;
        let publisher = Publisher::new(Some((api.client(), pods.clone())));
        let checker = publisher.clone();
        pods.on_change(move |change| {
            if let Some(pod) = &change.new {
                checker.check(pod.metadata.uid.as_deref().unwrap_or_default());
            }
        });
        tokio::spawn(publisher.clone().run(shutdown.clone()));
        Self {
            api,
            pods,
            publisher,
            shutdown,
        }
    }

    fn pod(&self) -> PodToRun {
        PodToRun::new(self.pods.store().get("default", "web").unwrap())
    }

    fn publish(&self, status: Value) {
        self.publisher
            .publish(&self.pod(), serde_json::from_value(status).unwrap());
    }

    async fn until(&self, pointer: &str, expected: Value) -> Value {
        let check = |api: &FakeApi| {
            api.get(PATH)
                .filter(|pod| pod.pointer(pointer) == Some(&expected))
        };
        self.api.until(pointer, check).await
    }
}

#[tokio::test]
async fn only_changes_are_written_and_others_conditions_stay() {
    let case = Case::new().await;
    let running = json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] });
    case.publish(running.clone());
    let pod = case.until("/status/phase", json!("Running")).await;
    let types: Vec<&Value> = pod["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["type"])
        .collect();
    assert!(
        types.contains(&&json!("Other")) && types.contains(&&json!("Ready")),
        "{types:?}"
    );
    case.publish(running);
    case.publish(json!({ "phase": "Failed" }));
    case.until("/status/phase", json!("Failed")).await;
    let requests = case.api.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
}

#[tokio::test]
async fn a_status_outlives_an_outage() {
    let case = Case::new().await;
    case.api.set_down(true);
    case.publish(json!({ "phase": "Running" }));
    tokio::task::yield_now().await;
    case.api.set_down(false);
    case.until("/status/phase", json!("Running")).await;
}

#[tokio::test]
async fn what_others_overwrite_is_said_again() {
    let case = Case::new().await;
    case.publish(json!({ "phase": "Running" }));
    case.until("/status/phase", json!("Running")).await;
    let mut changed = object();
    changed["status"]["phase"] = json!("Unknown");
    case.api.put(PATH, changed);
    case.until("/status/phase", json!("Running")).await;
}

#[tokio::test]
async fn a_pod_that_is_over_goes_only_if_it_was_marked() {
    let case = Case::new().await;
    case.publish(json!({ "phase": "Succeeded" }));
    case.publisher.finish("u1");
    case.until("/status/phase", json!("Succeeded")).await;
    let mut marked = case.api.get(PATH).unwrap();
    marked["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    case.api.put(PATH, marked);
    case.api
        .until("the end", |api| api.get(PATH).is_none().then_some(()))
        .await;
}

#[tokio::test]
async fn another_pod_of_the_same_name_is_left_alone() {
    let case = Case::new().await;
    let pod = case.pod();
    case.api.remove(PATH);
    let mut other = object();
    other["metadata"]["uid"] = json!("u2");
    case.api.put(PATH, other);
    case.publisher.publish(
        &pod,
        PodStatus {
            phase: Some("Running".to_owned()),
            ..PodStatus::default()
        },
    );
    case.publisher.finish("u1");
    // Something later than what must not happen.
    case.api.put("/api/v1/namespaces/default/pods/later", object());
    eventually("the other", || case.pods.store().get("default", "later")).await;
    assert_eq!(case.api.get(PATH).unwrap()["status"]["phase"], "Pending");
}

#[tokio::test]
async fn a_pod_from_a_file_has_a_mirror() {
    const MIRROR: &str = "/api/v1/namespaces/default/pods/fixed-a";
    let case = Case::new().await;
    let node = Arc::new(NodeShared::default());
    let mirrors = Mirrors::new(case.api.client(), case.pods.clone(), node.clone(), "a");
    let checker = mirrors.clone();
    case.pods.on_change(move |change| {
        if let Some(pod) = change.object() {
            checker.check("default", pod.metadata.name.as_deref().unwrap_or_default());
        }
    });
    tokio::spawn(mirrors.clone().run(case.shutdown.clone()));
    let from_file = |hash: &str| {
        let pod = json!({
            "metadata": { "name": "fixed-a", "namespace": "default", "uid": hash, "annotations": {
                "kubernetes.io/config.source": "file", "kubernetes.io/config.hash": hash } },
            "spec": { "nodeName": "a", "containers": [] },
        });
        Arc::new(serde_json::from_value::<Pod>(pod).unwrap())
    };
    mirrors.set(from_file("h1"));
    let owner = json!({ "metadata": { "name": "a", "uid": "node1" } });
    node.set_node(Arc::new(serde_json::from_value(owner).unwrap()));
    let mirrored = |hash: &'static str| {
        move |api: &FakeApi| {
            api.get(MIRROR)
                .filter(|pod| pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] == hash)
        }
    };
    let mirror = case.api.until("a mirror", mirrored("h1")).await;
    assert_eq!(mirror["metadata"]["ownerReferences"][0]["uid"], "node1");

    let running = PodStatus {
        phase: Some("Running".to_owned()),
        ..PodStatus::default()
    };
    eventually("the cache", || case.pods.store().get("default", "fixed-a")).await;
    case.publisher.publish(&PodToRun::new(from_file("h1")), running);
    let is_running = |api: &FakeApi| api.get(MIRROR).filter(|pod| pod["status"]["phase"] == "Running");
    case.api.until("the status", is_running).await;

    mirrors.set(from_file("h2"));
    case.api.until("a new mirror", mirrored("h2")).await;
    // Deleted by a user, it comes back.
    case.api.remove(MIRROR);
    case.api.until("a mirror again", mirrored("h2")).await;
    mirrors.gone(&from_file("h2"));
    case.api
        .until("no mirror", |api| api.get(MIRROR).is_none().then_some(()))
        .await;
}
