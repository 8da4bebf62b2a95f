//! The Node object against an API server in memory.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::eviction::{EvictionSettings, Shortage, Signal};
use super::watcher::{NodeShared, Relief};
use super::*;
use crate::cri::fake::FakeRuntime;
use crate::testing::FakeApi;

const PATH: &str = "/api/v1/nodes/a";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a";

#[derive(Default)]
struct NoRelief {
    asked: Mutex<Vec<Signal>>,
}

#[async_trait::async_trait]
impl Relief for NoRelief {
    async fn check_limits(&self) {}

    async fn relieve(&self, shortage: &Shortage) {
        self.asked.lock().push(shortage.threshold.signal);
    }
}

struct Case {
    api: Arc<FakeApi>,
    runtime: Arc<FakeRuntime>,
    relief: Arc<NoRelief>,
    shared: Arc<NodeShared>,
    shutdown: CancellationToken,
}

impl Drop for Case {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Case {
    fn new() -> Self {
        Self {
            api: FakeApi::new(),
            runtime: Arc::new(FakeRuntime::new(&["localhost/a:1"])),
            relief: Arc::default(),
            shared: Arc::default(),
            shutdown: CancellationToken::new(),
        }
    }

    fn start(&self, eviction: &str) {
        let identity = NodeIdentity {
            name: "a".to_owned(),
            hostname: "h".to_owned(),
            ips: vec!["10.0.0.1".parse().unwrap()],
            labels: BTreeMap::from([("zone".to_owned(), "z".to_owned())]),
            port: 10250,
            max_pods: 110,
            ..NodeIdentity::default()
        };
        let watcher = NodeWatcher {
            identity,
            runtime: self.runtime.clone(),
            client: Some(self.api.client()),
            eviction: EvictionSettings::parse(eviction).unwrap(),
            node_folder: "/".into(),
            relief: self.relief.clone(),
            voice: NodeVoice::new(None, "a"),
            shared: self.shared.clone(),
        };
        tokio::spawn(watcher.run(self.shutdown.clone()));
    }

    async fn until(&self, pointer: &str, expected: Value) -> Value {
        let check = |api: &FakeApi| {
            api.get(PATH)
                .filter(|node| node.pointer(pointer) == Some(&expected))
        };
        self.api.until(pointer, check).await
    }

    fn condition(node: &Value, kind: &str) -> String {
        let conditions = node["status"]["conditions"].as_array().unwrap();
        let condition = conditions
            .iter()
            .find(|condition| condition["type"] == kind)
            .unwrap();
        condition["status"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_node_registers_and_is_ready() {
    let case = Case::new();
    case.start("");
    let node = case
        .until("/status/nodeInfo/containerRuntimeVersion", json!("fake://1.0"))
        .await;
    assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], "a");
    assert_eq!(node["metadata"]["labels"]["zone"], "z");
    assert_eq!(Case::condition(&node, "Ready"), "True");
    assert_eq!(node["status"]["images"][0]["names"][1], "localhost/a:1");
    assert_eq!(
        node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"],
        10250
    );
}

#[tokio::test]
async fn a_node_that_is_there_is_taken_over() {
    let case = Case::new();
    let old = json!({
        "metadata": { "labels": { "mine": "1" } },
        "spec": { "unschedulable": true, "podCIDR": "10.42.0.0/24" },
        "status": { "conditions": [{ "type": "NetworkUnavailable", "status": "False" }, { "type": "Ready", "status": "Unknown" }] },
    });
    case.api.put(PATH, old);
    case.start("");
    let node = case
        .until("/status/nodeInfo/containerRuntimeVersion", json!("fake://1.0"))
        .await;
    assert_eq!(node["metadata"]["labels"]["mine"], "1");
    assert_eq!(node["metadata"]["labels"]["zone"], "z");
    assert_eq!(node["spec"]["unschedulable"], true);
    assert_eq!(Case::condition(&node, "Ready"), "True");
    assert_eq!(Case::condition(&node, "NetworkUnavailable"), "False");
}

#[tokio::test]
async fn a_node_that_was_deleted_comes_back() {
    let case = Case::new();
    case.start("");
    case.until("/metadata/name", json!("a")).await;
    case.api.remove(PATH);
    case.shared.lose_node();
    case.until("/metadata/name", json!("a")).await;
}

#[tokio::test]
async fn a_shortage_is_said_and_relieved() {
    let case = Case::new();
    // Nothing has as much as that.
    case.start("memory.available<100%");
    let check = |api: &FakeApi| {
        let node = api.get(PATH)?;
        let conditions = node["status"]["conditions"].as_array()?;
        conditions
            .iter()
            .find(|c| c["type"] == "MemoryPressure" && c["status"] == "True")
            .cloned()
    };
    let condition = case.api.until("pressure", check).await;
    assert_eq!(condition["reason"], "KubeletHasInsufficientMemory");
    assert_eq!(case.relief.asked.lock().first(), Some(&Signal::MemoryAvailable));
    assert!(case.shared.pressure().memory);
}

#[tokio::test]
async fn the_lease_belongs_to_the_node() {
    let case = Case::new();
    let task = tokio::spawn(renew_lease(
        case.api.client(),
        "a".to_owned(),
        case.shutdown.clone(),
    ));
    // It waits for the node.
    case.api.put(PATH, json!({}));
    let lease = case.api.until("the lease", |api| api.get(LEASE)).await;
    assert_eq!(lease["spec"]["holderIdentity"], "a");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 40);
    assert_eq!(
        lease["metadata"]["ownerReferences"][0]["uid"],
        case.api.get(PATH).unwrap()["metadata"]["uid"]
    );
    case.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(10), task)
        .await
        .unwrap()
        .unwrap();
}
