//! Workers over the runtime in memory and an API server in memory.

mod resize;

use std::path::PathBuf;
use std::sync::Arc;

use client::{EventRecorder, Informer};
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::container::cgroups::Cgroups;
use crate::container::logs::LogKeeper;
use crate::container::{Builder, NodeSettings};
use crate::cri::fake::FakeRuntime;
use crate::cri::message::{Container, ContainerFilter, ContainerState, PodSandboxFilter};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::images::{ImageFolders, Images};
use crate::node::NodeShared;
use crate::objects::fake::FakeObjects;
use crate::pod::label;
use crate::probes::{Finding, ProbeKind, Probes};
use crate::publish::{Mirrors, Publisher};
use crate::source::{follow_api, pods_of_node};
use crate::status::{NodeFacts, PodVerdict};
use crate::testing::{FakeApi, eventually};
use crate::volumes::{Mounter, Volumes};

/// A machine: what outlives a kubelet.
struct Machine {
    folder: TempDir,
    api: Arc<FakeApi>,
    runtime: Arc<FakeRuntime>,
}

/// A kubelet on it.
struct Kubelet {
    manager: Arc<Manager>,
    findings: mpsc::UnboundedSender<Finding>,
    pods: Informer<Pod>,
    objects: Arc<FakeObjects>,
    shutdown: CancellationToken,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Pods that were not stopped leave their mounts behind.
impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = Mounter::System.remove_tree(&self.folder.path().join("kubelet")) {
            eprintln!("{}: {error}", self.folder.path().display());
        }
    }
}

const IMAGE: &str = "localhost/a:1";

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            api: FakeApi::new(),
            runtime: Arc::new(FakeRuntime::new(&[IMAGE])),
        }
    }

    fn settings(&self) -> NodeSettings {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        std::fs::write(path("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        NodeSettings {
            node_name: "a".to_owned(),
            node_ips: vec!["10.1.1.1".parse().unwrap()],
            root_dir: path("kubelet"),
            pod_logs_dir: path("logs"),
            resolv_conf: path("resolv.conf"),
            cgroup_mount: path("cgroup"),
            ..NodeSettings::default()
        }
    }

    /// A kubelet that has taken in all pods there are.
    async fn start(&self) -> Kubelet {
        let shutdown = CancellationToken::new();
        let settings = Arc::new(self.settings());
        let runtime: Arc<dyn ContainerRuntime> = self.runtime.clone();
        let objects = Arc::new(FakeObjects::default());
        let client = self.api.client();
        let pods = pods_of_node(client.clone(), "a", shutdown.clone());
        let node = Arc::new(NodeShared::default());
        let (findings, found) = mpsc::unbounded_channel();
        let images = Images::new(runtime.clone(), objects.clone());
        let folders = ImageFolders {
            images: images.clone(),
            ctr: "/bin/false".into(),
            socket: "/dev/null".into(),
            snapshotter: "native".to_owned(),
        };
        let tools = Arc::new(Tools {
            facts: NodeFacts {
                ips: settings.node_ips.clone(),
                runtime: "fake".to_owned(),
            },
            builder: Builder::new(settings.clone(), objects.clone()),
            volumes: Volumes::with_images(settings.clone(), objects.clone(), folders),
            images,
            probes: Probes::new(runtime.clone(), findings.clone()),
            cgroups: Cgroups::detect(&settings),
            logs: LogKeeper::new(runtime.clone()),
            publisher: Publisher::new(Some((client.clone(), pods.clone()))),
            mirrors: Some(Mirrors::new(client.clone(), pods.clone(), node.clone(), "a")),
            voice: Voice::new(Some(EventRecorder::start(client.clone(), "kubelet", "a"))),
            owners: Arc::default(),
            room: tokio::sync::Notify::new(),
            client: Some(client),
            node: settings,
            objects: objects.clone(),
            runtime: runtime.clone(),
        });
        let manager = Manager::new(tools.clone(), node, self.node(), shutdown.clone());
        let sink = Arc::new(ManagerSink(manager.clone()));
        tokio::spawn(tools.publisher.clone().run(shutdown.clone()));
        tokio::spawn(manager.clone().take_findings(found));
        tokio::spawn(manager.clone().use_room());
        tokio::spawn(follow_runtime(
            runtime,
            tools.owners.clone(),
            sink.clone(),
            shutdown.clone(),
        ));
        follow_api(&pods, &sink);
        pods.synced().await;
        manager.complete();
        Kubelet {
            manager,
            findings,
            pods,
            objects,
            shutdown,
        }
    }

    fn node(&self) -> Node {
        let node = json!({
            "metadata": { "name": "a", "labels": { "zone": "z1" } },
            "status": { "allocatable": { "cpu": "2", "memory": "1Gi", "pods": "10" } },
        });
        serde_json::from_value(node).unwrap()
    }

    /// Assigns a pod to the node.
    fn put(&self, name: &str, mut spec: Value) {
        spec["nodeName"] = json!("a");
        let uid = format!("uid-{name}");
        self.api
            .put(&path(name), json!({ "metadata": { "uid": uid }, "spec": spec }));
    }

    /// Asks for a pod's deletion, as kubectl does.
    fn mark(&self, name: &str, grace: i64) {
        let mut pod = self.api.get(&path(name)).unwrap();
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        self.api.put(&path(name), pod);
    }

    /// Waits until the pod's status has a value.
    async fn until(&self, name: &str, pointer: &str, expected: Value) -> Value {
        let check = |api: &FakeApi| {
            let status = api.get(&path(name))?["status"].clone();
            (status.pointer(pointer) == Some(&expected)).then_some(status)
        };
        self.api.until(&format!("{pointer} {expected}"), check).await
    }

    async fn until_running(&self, name: &str) -> Value {
        self.until(name, "/phase", json!("Running")).await
    }

    async fn until_gone(&self, name: &str) {
        self.api
            .until("the end", |api| api.get(&path(name)).is_none().then_some(()))
            .await;
    }

    /// Waits for an event, by reason and message.
    async fn until_event(&self, reason: &str, message: &str) -> Value {
        let check = |api: &FakeApi| {
            let events = api.list("/api/v1/namespaces/default/events/");
            events
                .into_iter()
                .find(|event| event["reason"] == reason && event["message"] == message)
        };
        self.api.until(message, check).await
    }

    async fn containers(&self) -> Vec<Container> {
        self.runtime
            .list_containers(ContainerFilter::default())
            .await
            .unwrap()
    }

    /// The newest instance of a container.
    async fn instance(&self, container: &str) -> Container {
        let mut found = self.containers().await;
        found.retain(|found| found.labels[label::CONTAINER_NAME] == container);
        found.into_iter().max_by_key(|found| found.created_at).unwrap()
    }

    async fn sandboxes(&self) -> usize {
        self.runtime
            .list_sandboxes(PodSandboxFilter::default())
            .await
            .unwrap()
            .len()
    }

    fn calls(&self, verb: &str) -> Vec<String> {
        let calls = self.runtime.calls().into_iter();
        calls.filter(|call| call.starts_with(verb)).collect()
    }
}

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/default/pods/{name}")
}

fn container(name: &str) -> Value {
    json!({ "name": name, "image": IMAGE, "imagePullPolicy": "IfNotPresent" })
}

fn one() -> Value {
    json!({ "containers": [container("c")], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30 })
}

fn with_command(policy: &str, command: &[&str]) -> Value {
    let mut spec = one();
    spec["restartPolicy"] = json!(policy);
    spec["containers"][0]["command"] = json!(command);
    spec
}

#[tokio::test]
async fn a_pod_runs_and_says_so() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    machine.put("web", one());
    let status = machine.until_running("web").await;
    assert_eq!(status["hostIP"], "10.1.1.1");
    assert_eq!(status["containerStatuses"][0]["ready"], true);
    assert!(status["podIP"].as_str().unwrap().starts_with("10.0.0."));
    let event = machine.until_event("Started", "Container started").await;
    assert_eq!(event["involvedObject"]["fieldPath"], "spec.containers{c}");
    assert_eq!(event["source"], json!({ "component": "kubelet", "host": "a" }));
    machine.until_event("Created", "Container created").await;
    let pulled =
        format!("Container image {IMAGE:?} already present on machine and can be accessed by the pod");
    machine.until_event("Pulled", &pulled).await;
}

#[tokio::test]
async fn a_marked_pod_ends_and_goes_with_all_its_traces() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    assert_eq!(kubelet.objects.followed(), ["uid-web"]);
    machine.mark("web", 30);
    machine.until_gone("web").await;
    machine.until_event("Killing", "Stopping container c").await;
    eventually("nothing", || kubelet.manager.pods().is_empty().then_some(())).await;
    assert!(kubelet.objects.followed().is_empty());
    assert_eq!(machine.sandboxes().await, 0);
    assert!(machine.containers().await.is_empty());
    let left = |folder: &str| {
        std::fs::read_dir(machine.folder.path().join(folder))
            .unwrap()
            .count()
    };
    assert_eq!((left("kubelet/pods"), left("logs")), (0, 0));
}

#[tokio::test]
async fn a_pod_removed_by_force_ends_too() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    machine.api.remove(&path("web"));
    eventually("nothing", || kubelet.manager.pods().is_empty().then_some(())).await;
    assert_eq!(machine.sandboxes().await, 0);
}

#[tokio::test]
async fn a_pod_that_has_done_its_work_stays_to_be_looked_at() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    machine.put("job", with_command("Never", &["true"]));
    let status = machine.until("job", "/phase", json!("Succeeded")).await;
    assert_eq!(
        status["containerStatuses"][0]["state"]["terminated"]["reason"],
        "Completed"
    );
    assert_eq!(machine.containers().await.len(), 1);
    machine.put("bad", with_command("Never", &["exit", "3"]));
    let status = machine.until("bad", "/phase", json!("Failed")).await;
    assert_eq!(
        status["containerStatuses"][0]["state"]["terminated"]["exitCode"],
        3
    );
    machine.mark("job", 0);
    machine.until_gone("job").await;
}

#[tokio::test]
async fn a_container_that_ends_starts_again_and_is_counted() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    let first = machine.instance("c").await;
    machine.runtime.exit(&first.id, 1);
    let status = machine
        .until("web", "/containerStatuses/0/restartCount", json!(1))
        .await;
    assert_eq!(
        status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"],
        1
    );
    let second = machine.instance("c").await;
    assert_ne!(first.id, second.id);
    machine.runtime.exit(&second.id, 2);
    machine
        .until("web", "/containerStatuses/0/restartCount", json!(2))
        .await;
    // One ended run is kept beside the one that runs.
    eventually("pruning", || {
        (machine.calls("remove_container").len() == 1).then_some(())
    })
    .await;
    assert_eq!(machine.calls("run_sandbox").len(), 1);
}

#[tokio::test]
async fn a_pod_at_rest_writes_nothing() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut spec = one();
    let sources = json!([{ "downwardAPI": { "items": [{ "path": "l", "fieldRef": { "fieldPath": "metadata.labels" } }] } }]);
    spec["volumes"] = json!([{ "name": "v", "projected": { "sources": sources } }]);
    let mut failing = container("missing");
    failing["image"] = json!("localhost/missing:1");
    spec["containers"] = json!([container("c"), failing]);
    machine.put("web", spec);
    let waiting = json!("ImagePullBackOff");
    machine
        .until("web", "/containerStatuses/1/state/waiting/reason", waiting)
        .await;
    let writes = || {
        machine
            .api
            .requests()
            .iter()
            .filter(|request| request.ends_with("/web/status"))
            .count()
    };
    let before = writes();
    // A change of the pod is taken in, and what it shows of itself follows.
    let mut pod = machine.api.get(&path("web")).unwrap();
    pod["metadata"]["labels"] = json!({ "a": "b" });
    pod["metadata"]["generation"] = json!(2);
    machine.api.put(&path("web"), pod);
    machine.until("web", "/observedGeneration", json!(2)).await;
    let shown = machine
        .folder
        .path()
        .join("kubelet/pods/uid-web/volumes/kubernetes.io~projected/v/l");
    eventually("the label", || {
        std::fs::read_to_string(&shown)
            .ok()
            .filter(|text| text == "a=\"b\"")
    })
    .await;
    machine.put("later", one());
    machine.until_running("later").await;
    assert_eq!(writes(), before + 1);
}

#[tokio::test]
async fn the_next_kubelet_adopts_what_runs() {
    let machine = Machine::new();
    let mut spec = one();
    spec["containers"][0]["readinessProbe"] =
        json!({ "exec": { "command": ["false"] }, "initialDelaySeconds": 3600 });
    let kubelet = machine.start().await;
    machine.put("web", spec);
    machine.put("gone", one());
    machine.until_running("web").await;
    machine.until_running("gone").await;
    let running = machine
        .containers()
        .await
        .into_iter()
        .find(|c| c.labels[label::POD_NAME] == "web")
        .unwrap();
    let ready = Finding {
        pod_uid: "uid-web".to_owned(),
        container: "c".to_owned(),
        instance_id: running.id.clone(),
        kind: ProbeKind::Readiness,
        verdict: Some(crate::plan::Verdict::Success),
        message: None,
    };
    kubelet.findings.send(ready).unwrap();
    machine
        .until("web", "/containerStatuses/0/ready", json!(true))
        .await;
    drop(kubelet);
    machine.api.remove(&path("gone"));
    let before = machine.api.get(&path("web")).unwrap()["status"].clone();

    let _kubelet = machine.start().await;
    // What nobody wants any more goes.
    eventually("the leftover", || {
        (machine.calls("remove_container").len() == 1).then_some(())
    })
    .await;
    machine.put("later", one());
    machine.until_running("later").await;
    let after = machine.api.get(&path("web")).unwrap()["status"].clone();
    assert_eq!(after, before);
    assert!(
        machine
            .containers()
            .await
            .iter()
            .any(|container| container.id == running.id)
    );
    assert_eq!(machine.calls("create_container").len(), 3);
}

#[tokio::test]
async fn what_was_over_before_stays_as_it_was_said() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("job", with_command("Never", &["true"]));
    let before = machine.until("job", "/phase", json!("Succeeded")).await;
    drop(kubelet);
    for container in machine.containers().await {
        machine.runtime.remove_container(&container.id).await.unwrap();
    }
    let _kubelet = machine.start().await;
    machine.put("later", one());
    machine.until_running("later").await;
    assert_eq!(machine.api.get(&path("job")).unwrap()["status"], before);
    machine.mark("job", 0);
    machine.until_gone("job").await;
}

#[tokio::test]
async fn an_unhealthy_container_is_started_again() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    let instance = machine.instance("c").await;
    kubelet
        .findings
        .send(Finding {
            pod_uid: "uid-web".to_owned(),
            container: "c".to_owned(),
            instance_id: instance.id,
            kind: ProbeKind::Liveness,
            verdict: Some(crate::plan::Verdict::Failure),
            message: Some("Liveness probe failed: no".to_owned()),
        })
        .unwrap();
    machine
        .until_event("Unhealthy", "Liveness probe failed: no")
        .await;
    machine
        .until_event("Killing", "Container c failed liveness probe, will be restarted")
        .await;
    machine
        .until("web", "/containerStatuses/0/restartCount", json!(1))
        .await;
}

#[tokio::test]
async fn init_containers_run_first_and_sidecars_end_last() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut init = container("i");
    init["command"] = json!(["true"]);
    let mut side = container("side");
    side["restartPolicy"] = json!("Always");
    let mut spec = one();
    spec["initContainers"] = json!([init, side]);
    machine.put("web", spec);
    machine.until_running("web").await;
    assert_eq!(
        machine.calls("create_container"),
        [
            "create_container i",
            "create_container side",
            "create_container c"
        ]
    );
    let (main, side) = (machine.instance("c").await.id, machine.instance("side").await.id);
    machine.mark("web", 30);
    machine.until_gone("web").await;
    assert_eq!(
        machine.calls("stop_container"),
        [format!("stop_container {main}"), format!("stop_container {side}")]
    );
}

#[tokio::test]
async fn an_image_as_a_volume_that_is_not_there_keeps_those_waiting_that_see_it() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut spec = one();
    let missing = "localhost/missing:1";
    spec["volumes"] = json!([{ "name": "v", "image": { "reference": missing, "pullPolicy": "Always" } }]);
    machine.put("blind", spec.clone());
    machine.until("blind", "/phase", json!("Running")).await;
    spec["containers"][0]["volumeMounts"] = json!([{ "name": "v", "mountPath": "/v" }]);
    machine.put("web", spec);
    for reason in ["ErrImagePull", "ImagePullBackOff"] {
        machine
            .until("web", "/containerStatuses/0/state/waiting/reason", json!(reason))
            .await;
        machine.until_event("Failed", &format!("Error: {reason}")).await;
    }
    let pulling = format!("Pulling image {missing:?}");
    machine.until_event("Pulling", &pulling).await;
    let waiting = format!("Back-off pulling image {missing:?}");
    machine.until_event("BackOff", &waiting).await;
}

#[tokio::test]
async fn an_image_that_is_not_there_is_said_and_waited_for() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut spec = one();
    spec["containers"][0]["image"] = json!("localhost/missing:1");
    machine.put("web", spec);
    machine
        .until(
            "web",
            "/containerStatuses/0/state/waiting/reason",
            json!("ErrImagePull"),
        )
        .await;
    machine
        .until(
            "web",
            "/containerStatuses/0/state/waiting/reason",
            json!("ImagePullBackOff"),
        )
        .await;
    machine
        .until_event("BackOff", "Back-off pulling image \"localhost/missing:1\"")
        .await;
    machine.until_event("Failed", "Error: ErrImagePull").await;
    machine.until_event("Failed", "Error: ImagePullBackOff").await;
    // A pod that waits can end.
    machine.mark("web", 30);
    machine.until_gone("web").await;
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_made_is_tried_again() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let error = RuntimeError::new(tonic::Code::Unknown, "no network");
    machine.runtime.fail_next("run_sandbox", error);
    machine.put("web", one());
    let message = "Failed to create pod sandbox: rpc error: code = Unknown desc = no network";
    machine.until_event("FailedCreatePodSandBox", message).await;
    machine.until_running("web").await;
}

#[tokio::test]
async fn a_lost_sandbox_is_replaced() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    let sandbox = machine.instance("c").await.pod_sandbox_id;
    machine.runtime.stop_sandbox(&sandbox).await.unwrap();
    machine
        .until("web", "/containerStatuses/0/restartCount", json!(1))
        .await;
    machine
        .until_event(
            "SandboxChanged",
            "Pod sandbox changed, it will be killed and re-created.",
        )
        .await;
}

#[tokio::test]
async fn a_pod_that_does_not_fit_is_refused() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut spec = one();
    spec["nodeSelector"] = json!({ "zone": "z2" });
    machine.put("web", spec);
    let status = machine.until("web", "/reason", json!("NodeAffinity")).await;
    assert_eq!(status["phase"], "Failed");
    let message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
    assert_eq!(status["message"], format!("Pod was rejected: {message}"));
    machine.until_event("NodeAffinity", message).await;
    assert!(machine.calls("run_sandbox").is_empty());
    machine.mark("web", 0);
    machine.until_gone("web").await;
}

#[tokio::test]
async fn a_pod_is_active_for_as_long_as_it_may() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut spec = one();
    spec["activeDeadlineSeconds"] = json!(1);
    machine.put("web", spec);
    let status = machine.until("web", "/phase", json!("Failed")).await;
    assert_eq!(status["reason"], "DeadlineExceeded");
    let message = "Pod was active on the node longer than the specified deadline";
    machine.until_event("DeadlineExceeded", message).await;
}

#[tokio::test]
async fn an_evicted_pod_fails_with_its_reason() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    let verdict = PodVerdict {
        reason: "Evicted".to_owned(),
        message: "too much".to_owned(),
    };
    kubelet.manager.evict("uid-web", verdict);
    let status = machine.until("web", "/phase", json!("Failed")).await;
    assert_eq!(
        (&status["reason"], &status["message"]),
        (&json!("Evicted"), &json!("too much"))
    );
    assert_eq!(machine.containers().await[0].state(), ContainerState::Exited);
}

#[tokio::test]
async fn a_folder_that_holds_too_much_ends_its_pod() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    let mut spec = one();
    spec["volumes"] = json!([{ "name": "v", "emptyDir": { "sizeLimit": "64Ki" } }]);
    machine.put("web", spec);
    machine.until_running("web").await;
    kubelet.manager.check_folders().await;
    let volume = machine
        .folder
        .path()
        .join("kubelet/pods/uid-web/volumes/kubernetes.io~empty-dir/v");
    std::fs::write(volume.join("file"), vec![1; 100 * 1024]).unwrap();
    kubelet.manager.check_folders().await;
    let status = machine.until("web", "/reason", json!("Evicted")).await;
    assert_eq!(
        status["message"],
        "Usage of EmptyDir volume \"v\" exceeds the limit \"64Ki\". "
    );
    machine.until("web", "/phase", json!("Failed")).await;
}

#[tokio::test]
async fn what_pods_of_the_past_left_on_the_disk_goes() {
    let machine = Machine::new();
    let path = |name: &str| machine.folder.path().join(name);
    for folder in ["kubelet/pods/uid-old/volumes", "logs/default_old_uid-old/c"] {
        std::fs::create_dir_all(path(folder)).unwrap();
    }
    let _kubelet = machine.start().await;
    let (pod, logs) = (path("kubelet/pods/uid-old"), path("logs/default_old_uid-old"));
    eventually("nothing", || (!pod.exists() && !logs.exists()).then_some(())).await;
}

#[tokio::test]
async fn an_ephemeral_container_joins_a_running_pod() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    let mut pod = machine.api.get(&path("web")).unwrap();
    let mut debug = container("debug");
    debug["targetContainerName"] = json!("c");
    pod["spec"]["ephemeralContainers"] = json!([debug]);
    machine.api.put(&path("web"), pod);
    let check = |api: &FakeApi| {
        let pod = api.get(&path("web"))?;
        pod.pointer("/status/ephemeralContainerStatuses/0/state/running")
            .cloned()
    };
    machine.api.until("the ephemeral container", check).await;
}

#[tokio::test]
async fn pods_go_on_while_the_api_is_away() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("web", one());
    machine.until_running("web").await;
    machine.api.set_down(true);
    let first = machine.instance("c").await;
    machine.runtime.exit(&first.id, 1);
    eventually("a restart", || {
        (machine.calls("create_container").len() == 2).then_some(())
    })
    .await;
    machine.api.set_down(false);
    machine
        .until("web", "/containerStatuses/0/restartCount", json!(1))
        .await;
    assert!(kubelet.pods.is_synced());
}

#[tokio::test]
async fn a_changed_manifest_waits_for_the_pod_before_it() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    let fixed = |uid: &str| {
        let pod = json!({
            "metadata": { "name": "fixed-a", "namespace": "default", "uid": uid,
                "annotations": { "kubernetes.io/config.source": "file", "kubernetes.io/config.hash": uid } },
            "spec": one(),
        });
        Arc::new(serde_json::from_value::<Pod>(pod).unwrap())
    };
    kubelet.manager.set(fixed("h1"));
    let uids = |kubelet: &Kubelet| -> Vec<String> {
        kubelet
            .manager
            .pods()
            .iter()
            .filter_map(|pod| pod.metadata.uid.clone())
            .collect()
    };
    let runs = |uid: &'static str| {
        let pods = kubelet.manager.pods();
        let phase = pods
            .iter()
            .find(|pod| pod.metadata.uid.as_deref() == Some(uid))?
            .status
            .clone()?
            .phase;
        (phase.as_deref() == Some("Running")).then_some(())
    };
    eventually("the first", || runs("h1")).await;
    kubelet.manager.set(fixed("h2"));
    assert_eq!(uids(&kubelet), ["h1"]);
    kubelet.manager.gone(&fixed("h1"));
    eventually("the second", || runs("h2")).await;
    assert_eq!(uids(&kubelet), ["h2"]);
    assert_eq!(machine.sandboxes().await, 1);
}
