//! Pods on a real containerd: what containers see is what their specifications say.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::cgroups::Cgroups;
use super::settings::NodeResources;
use super::*;
use crate::containerd::Containerd;
use crate::cri::message::{ContainerState, ContainerStatus, PodSandboxConfig};
use crate::cri::{ContainerRuntime, CriClient};
use crate::hooks::{self, HookRequest};
use crate::images::{FolderError, ImageFolders, Images};
use crate::objects::fake::FakeObjects;
use crate::plan::Verdict;
use crate::pod::PodToRun;
use crate::probes::{Finding, Probes};
use crate::testing::{BUSYBOX, Node, cgroup_parent};
use crate::volumes::{MountedVolumes, Volumes};

const PATIENCE: Duration = Duration::from_secs(60);

/// A kubelet's parts on a machine of their own.
struct Machine {
    settings: Arc<NodeSettings>,
    runtime: Arc<CriClient>,
    objects: Arc<FakeObjects>,
    volumes: Arc<Volumes>,
    images: Images,
    builder: Builder,
    cgroups: Cgroups,
    containerd: Containerd,
}

impl Machine {
    async fn start(node: &Node) -> Self {
        let settings = Arc::new(NodeSettings {
            node_name: "here".to_owned(),
            node_ips: vec!["10.9.9.9".parse().unwrap()],
            root_dir: node.path("kubelet"),
            pod_logs_dir: node.path("logs"),
            cluster_dns: vec!["10.43.0.10".parse().unwrap()],
            cluster_domain: "cluster.local".to_owned(),
            cgroup_parent: cgroup_parent(),
            allocatable: NodeResources {
                cpu_milli: 2000,
                memory_bytes: 1 << 30,
                ephemeral_storage_bytes: 0,
            },
            memory_capacity: 1 << 30,
            pod_pids_limit: Some(500),
            ..NodeSettings::default()
        });
        let containerd = node.start_containerd().await;
        let runtime = Arc::new(CriClient::new(&containerd.socket()));
        let objects = Arc::new(FakeObjects::default());
        let images = Images::new(runtime.clone(), objects.clone());
        let folders = ImageFolders {
            images: images.clone(),
            ctr: containerd.machine().ctr.clone(),
            socket: containerd.socket(),
            snapshotter: containerd.machine().snapshotter.to_owned(),
        };
        let volumes = Volumes::with_images(settings.clone(), objects.clone(), folders);
        volumes.prepare_root().unwrap();
        let cgroups = Cgroups::detect(&settings);
        cgroups.prepare_node(&settings).unwrap();
        Self {
            images,
            builder: Builder::new(settings.clone(), objects.clone()),
            settings,
            runtime,
            objects,
            volumes,
            cgroups,
            containerd,
        }
    }

    async fn start_pod(&self, pod: &PodToRun) -> Running {
        let volumes = self.volumes.mount(pod).await.unwrap();
        self.cgroups.prepare_pod(pod).unwrap();
        let sandbox = sandbox_config(pod, &self.settings, 0).unwrap();
        let sandbox_id = self.runtime.run_sandbox(&sandbox, "").await.unwrap();
        let network = self.runtime.sandbox_status(&sandbox_id).await.unwrap().network;
        let ip = network.and_then(|network| network.ip.parse().ok());
        let mut running = Running {
            pod: pod.clone(),
            sandbox,
            sandbox_id,
            ip,
            containers: Vec::new(),
        };
        for index in 0..pod.members().len() {
            let id = self.start_container(&running, index, &volumes).await;
            running.containers.push(id);
        }
        running
    }

    async fn mount_images(&self, pod: &PodToRun, index: usize) -> Result<(), FolderError> {
        let member = &pod.members()[index];
        self.volumes
            .mount_images(pod, member, &PodSandboxConfig::default(), &|_| {})
            .await
    }

    async fn start_container(&self, running: &Running, index: usize, volumes: &MountedVolumes) -> String {
        let member = &running.pod.members()[index];
        self.mount_images(&running.pod, index).await.unwrap();
        let image = self
            .images
            .ensure(&running.pod, member, &running.sandbox, &|_| {})
            .await
            .unwrap();
        let request = ContainerRequest {
            pod: &running.pod,
            member,
            image: &image,
            sandbox_ips: running.ip.as_slice(),
            restart_count: 0,
            volumes,
            target_id: None,
        };
        let config = self.builder.container_config(request).await.unwrap();
        let id = self
            .runtime
            .create_container(&running.sandbox_id, &config, &running.sandbox)
            .await
            .unwrap();
        self.runtime.start_container(&id).await.unwrap();
        id
    }

    /// Waits for the end of a container.
    async fn ended(&self, id: &str) -> ContainerStatus {
        let ended = async {
            loop {
                let status = self.runtime.container_status(id).await.unwrap();
                if status.state() == ContainerState::Exited {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.unwrap()
    }

    /// What a command in a container says.
    async fn says(&self, id: &str, command: &str) -> String {
        let command = ["sh", "-c", command].map(str::to_owned);
        let answer = self.runtime.exec_sync(id, &command, PATIENCE).await.unwrap();
        String::from_utf8_lossy(&answer.stdout).trim().to_owned()
    }

    async fn stop(self, pods: &[&Running]) {
        for running in pods {
            self.runtime.remove_sandbox(&running.sandbox_id).await.unwrap();
            self.volumes.unmount(running.pod.uid()).await.unwrap();
            self.cgroups.remove_pod(running.pod.uid()).unwrap();
        }
        assert!(self.volumes.on_disk().is_empty());
        self.containerd.stop().await.unwrap();
    }
}

struct Running {
    pod: PodToRun,
    sandbox: PodSandboxConfig,
    sandbox_id: String,
    ip: Option<IpAddr>,
    containers: Vec<String>,
}

fn pod_of(uid: &str, spec: Value) -> PodToRun {
    let mut object = json!({ "metadata": { "name": "web", "namespace": "ns", "uid": uid, "labels": { "app": "x" } },
        "spec": spec });
    for container in object["spec"]["containers"].as_array_mut().unwrap() {
        container["image"] = json!(BUSYBOX);
    }
    PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()))
}

/// What a container wrote to one of its streams: only within a stream are the lines of a log in order.
fn log_text(path: &str, stream: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| {
        let [_time, from, _tag, said] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
        (from == stream).then(|| said.to_owned())
    });
    lines.collect()
}

#[test]
fn containers_see_what_is_written() {
    Node::run(
        "container::live_tests::containers_see_what_is_written",
        async |node| {
            let machine = Machine::start(node).await;
            machine.objects.put(
                json!({ "kind": "ConfigMap", "metadata": { "name": "m", "namespace": "ns" },
            "data": { "k": "value" } }),
            );
            machine.objects.put(
                json!({ "kind": "Secret", "metadata": { "name": "s", "namespace": "ns" },
            "data": { "p": "c2VjcmV0" } }),
            );
            let script = "echo $A-$LABEL-$LIMIT; cat /map/k; echo; cat /secret/p; echo; cat /one; echo; \
                      stat -L -c %a:%g /secret/p; stat -f -c %T /memory; id -u; id -G; hostname; \
                      grep -c 'web.sub.ns.svc.cluster.local' /etc/hosts; grep 1.2.3.4 /etc/hosts; \
                      cat /etc/resolv.conf; touch /x; touch /map/x; touch /shared/part/file; \
                      echo bye > /dev/termination-log; exit 3";
            let pod = pod_of(
                "u1",
                json!({
                    "subdomain": "sub",
                    "hostAliases": [{ "ip": "1.2.3.4", "hostnames": ["alias"] }],
                    "securityContext": { "fsGroup": 3000, "supplementalGroups": [4000], "runAsUser": 1000 },
                    "containers": [{
                        "name": "c",
                        "command": ["sh", "-c", script],
                        "env": [
                            { "name": "A", "value": "$(LABEL)!" , },
                            { "name": "LABEL", "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['app']" } } },
                            { "name": "LIMIT", "valueFrom": { "resourceFieldRef": { "resource": "limits.memory", "divisor": "1Mi" } } },
                        ],
                        "resources": { "limits": { "memory": "64Mi", "cpu": "500m" } },
                        "securityContext": { "readOnlyRootFilesystem": true },
                        "volumeMounts": [
                            { "name": "map", "mountPath": "/map" },
                            { "name": "map", "mountPath": "/one", "subPath": "k" },
                            { "name": "secret", "mountPath": "/secret", "readOnly": true },
                            { "name": "memory", "mountPath": "/memory" },
                            { "name": "shared", "mountPath": "/shared/part", "subPathExpr": "of-$(LABEL)" },
                        ],
                    }],
                    "volumes": [
                        { "name": "map", "configMap": { "name": "m" } },
                        { "name": "secret", "secret": { "secretName": "s", "defaultMode": 0o400 } },
                        { "name": "memory", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
                        { "name": "shared", "emptyDir": {} },
                    ],
                }),
            );
            let running = machine.start_pod(&pod).await;
            let status = machine.ended(&running.containers[0]).await;
            assert_eq!(status.exit_code, 3);
            assert_eq!(termination::last_words(&status), "bye\n");
            let said = log_text(&status.log_path, "stdout");
            let expected = [
                "$(LABEL)!-x-64",
                "value",
                "secret",
                "value",
                "440:3000",
                "tmpfs",
                "1000",
                "1000 2000 3000 4000",
                "web",
                "1",
                "1.2.3.4\talias",
                "search ns.svc.cluster.local svc.cluster.local cluster.local",
            ];
            assert_eq!(said[..expected.len()], expected, "{said:#?}");
            for line in ["nameserver 10.43.0.10", "options ndots:5"] {
                assert!(said.iter().any(|said| said == line), "{line}: {said:#?}");
            }
            let complaints = log_text(&status.log_path, "stderr");
            let refused = complaints
                .iter()
                .filter(|line| line.contains("Read-only file system") || line.contains("Permission denied"));
            assert_eq!(refused.count(), 2, "{complaints:#?}");
            let made = machine
                .settings
                .pod("u1")
                .volume("kubernetes.io/empty-dir", "shared")
                .join("of-x/file");
            assert!(made.exists(), "{said:#?}");
            machine.stop(&[&running]).await;
        },
    );
}

#[test]
fn running_containers_are_looked_after() {
    Node::run(
        "container::live_tests::running_containers_are_looked_after",
        async |node| {
            let machine = Machine::start(node).await;
            let map = |value: &str| {
                machine.objects.put(
                    json!({ "kind": "ConfigMap", "metadata": { "name": "m", "namespace": "ns" },
                "data": { "k": value } }),
                );
            };
            map("before");
            let probe = |command: &str, seconds: i64| {
                json!({ "exec": { "command": ["sh", "-c", command] }, "periodSeconds": 1, "failureThreshold": 1,
                "timeoutSeconds": seconds })
            };
            let pod = pod_of(
                "u2",
                json!({
                    "containers": [{
                        "name": "c",
                        "command": ["sh", "-c", "mkdir /www; echo hi > /www/index.html; httpd -f -p 8080 -h /www"],
                        "ports": [{ "name": "http", "containerPort": 8080 }],
                        "resources": { "requests": { "cpu": "100m" }, "limits": { "memory": "32Mi" } },
                        "startupProbe": { "tcpSocket": { "port": "http" }, "periodSeconds": 1, "failureThreshold": 30 },
                        "readinessProbe": { "httpGet": { "port": 8080, "path": "/index.html" }, "periodSeconds": 1 },
                        "livenessProbe": probe("echo sick; sleep 60", 1),
                        "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
                    }],
                    "volumes": [{ "name": "v", "configMap": { "name": "m" } }],
                }),
            );
            let running = machine.start_pod(&pod).await;
            let id = &running.containers[0];
            let (sink, mut findings) = mpsc::unbounded_channel();
            let probes = Probes::new(machine.runtime.clone(), sink);
            probes.follow(&pod, &pod.members()[0], id, jiff::Timestamp::now(), running.ip);
            let found = until_three(&mut findings).await;
            let text = |kind: &str| {
                found
                    .iter()
                    .find(|finding| finding.kind.to_string() == kind)
                    .unwrap()
            };
            assert_eq!(text("Startup").verdict, Some(Verdict::Success));
            assert_eq!(text("Readiness").verdict, Some(Verdict::Success));
            let sick =
                "Liveness probe failed: command timed out: \"sh -c echo sick; sleep 60\" timed out after 1s";
            assert_eq!(text("Liveness").message.as_deref(), Some(sick));

            map("after");
            let changed = async {
                while machine.says(id, "cat /v/k").await != "after" {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, changed).await.unwrap();

            let group = cgroups::pod_cgroup(&pod, &machine.settings.cgroup_parent);
            assert!(group.contains("/burstable/podu2"), "{group}");
            let limit = Path::new("/sys/fs/cgroup/memory")
                .join(&group[1..])
                .join("memory.limit_in_bytes");
            let unified = Path::new("/sys/fs/cgroup").join(&group[1..]).join("memory.max");
            let limit = fs::read_to_string(limit)
                .or_else(|_| fs::read_to_string(unified))
                .unwrap();
            assert_eq!(limit.trim(), (32 << 20).to_string());

            let handler =
                serde_json::from_value(json!({ "exec": { "command": ["sh", "-c", "echo no >&2; exit 4"] } }))
                    .unwrap();
            let request = HookRequest {
                handler: &handler,
                pod: &pod,
                member: &pod.members()[0],
                instance_id: id,
                pod_ip: running.ip,
            };
            let error = hooks::run(machine.runtime.as_ref(), request)
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("exited with 4: no\n, message: \"no\\n\""),
                "{error}"
            );
            probes.forget(id);
            machine.stop(&[&running]).await;
        },
    );
}

/// Waits until each of the three probes has come to a verdict.
async fn until_three(findings: &mut mpsc::UnboundedReceiver<Finding>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    while found.len() < 3 {
        let finding = tokio::time::timeout(PATIENCE, findings.recv())
            .await
            .unwrap()
            .unwrap();
        if finding.verdict.is_some() && found.iter().all(|f| f.kind != finding.kind) {
            found.push(finding);
        }
    }
    found
}

#[test]
fn mounts_reach_across() {
    Node::run("container::live_tests::mounts_reach_across", async |node| {
        let machine = Machine::start(node).await;
        let mount =
            |propagation: &str| json!([{ "name": "v", "mountPath": "/v", "mountPropagation": propagation }]);
        let pod = pod_of(
            "u3",
            json!({
                "hostNetwork": true,
                "containers": [
                    { "name": "giver", "command": ["sleep", "1000"], "volumeMounts": mount("Bidirectional"),
                        "securityContext": { "privileged": true } },
                    { "name": "taker", "command": ["sleep", "1000"], "volumeMounts": mount("HostToContainer") },
                    { "name": "none", "command": ["sleep", "1000"], "volumeMounts": mount("None") },
                ],
                "volumes": [{ "name": "v", "emptyDir": {} }],
            }),
        );
        let running = machine.start_pod(&pod).await;
        let [giver, taker, none] = &running.containers[..] else {
            panic!("three containers")
        };
        let made = machine
            .says(
                giver,
                "mkdir /v/m && mount -t tmpfs none /v/m && touch /v/m/f && echo made",
            )
            .await;
        assert_eq!(made, "made");
        assert_eq!(machine.says(taker, "ls /v/m").await, "f");
        assert_eq!(machine.says(none, "ls /v/m").await, "");
        let here: PathBuf = machine
            .settings
            .pod("u3")
            .volume("kubernetes.io/empty-dir", "v")
            .join("m/f");
        assert!(here.exists());
        let hosts = machine.says(taker, "head -1 /etc/hosts").await;
        assert_eq!(hosts, "# Kubernetes-managed hosts file (host network).");
        // What a container mounted and left is unmounted with its pod.
        machine.stop(&[&running]).await;
        assert!(!here.exists());
    });
}

#[test]
fn images_can_be_looked_into() {
    Node::run("container::live_tests::images_can_be_looked_into", async |node| {
        let machine = Machine::start(node).await;
        let spec = json!({
            "containers": [{ "name": "c", "command": ["sleep", "1000"], "volumeMounts": [
                { "name": "v", "mountPath": "/v" },
                { "name": "v", "mountPath": "/part", "subPath": "etc" },
            ] }],
            "volumes": [{ "name": "v", "image": { "reference": BUSYBOX, "pullPolicy": "IfNotPresent" } }],
        });
        let pod = pod_of("u5", spec);
        let running = machine.start_pod(&pod).await;
        let id = &running.containers[0];
        assert_eq!(
            machine.says(id, "head -1 /v/etc/passwd").await,
            "root:x:0:0:root:/:/bin/sh"
        );
        assert_eq!(
            machine.says(id, "cmp /part/group /etc/group && echo same").await,
            "same"
        );
        assert!(
            machine
                .says(id, "touch /v/x 2>&1")
                .await
                .contains("Read-only file system")
        );
        // A second time it is there already.
        machine.volumes.mount(&pod).await.unwrap();
        machine.mount_images(&pod, 0).await.unwrap();
        // After the pod has gone, the same can be mounted again.
        machine.runtime.remove_sandbox(&running.sandbox_id).await.unwrap();
        machine.volumes.unmount("u5").await.unwrap();
        machine.volumes.mount(&pod).await.unwrap();
        machine.mount_images(&pod, 0).await.unwrap();
        // One that is not there is missed by the containers that see it.
        let missing = pod_of(
            "u6",
            json!({
                "containers": [
                    { "name": "c", "volumeMounts": [{ "name": "v", "mountPath": "/v" }] },
                    { "name": "other" },
                ],
                "volumes": [{ "name": "v", "image": { "reference": "localhost/none:1", "pullPolicy": "Never" } }],
            }),
        );
        machine.volumes.mount(&missing).await.unwrap();
        let Err(FolderError::Image(error)) = machine.mount_images(&missing, 0).await else {
            panic!("it is not there");
        };
        assert_eq!(error.reason, "ErrImageNeverPull");
        machine.mount_images(&missing, 1).await.unwrap();
        machine.volumes.unmount("u6").await.unwrap();
        machine.stop(&[&running]).await;
    });
}
