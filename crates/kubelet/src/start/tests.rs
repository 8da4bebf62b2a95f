//! Kubelets over a real containerd.

use client::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::RuntimeConfig;
use crate::containerd::Containerd;
use crate::cri::ContainerRuntime;
use crate::cri::CriClient;
use crate::cri::message::{ContainerFilter, PodSandboxFilter};
use crate::node::EvictionSettings;
use crate::testing::{BUSYBOX, FakeApi, Node as Machine, cgroup_parent, eventually, write_busybox_image};

const WEB: &str = "/api/v1/namespaces/default/pods/web";

struct Running {
    task: JoinHandle<Result<(), StartError>>,
    shutdown: CancellationToken,
}

impl Running {
    fn start(machine: &Machine, client: Option<Client>) -> Self {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(config(machine), client, shutdown.clone()));
        Self { task, shutdown }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn config(machine: &Machine) -> Config {
    let resolv_conf = machine.path("resolv.conf");
    std::fs::write(&resolv_conf, "nameserver 127.0.0.1\n").unwrap();
    Config {
        node_ips: vec!["127.0.0.1".parse().unwrap()],
        runtime: RuntimeConfig::Own {
            settings: machine.containerd_settings(),
            search_path: std::env::var_os("PATH").unwrap_or_default(),
        },
        cgroup_parent: cgroup_parent(),
        eviction: EvictionSettings::off(),
        resolv_conf,
        ..Config::below(&machine.path(""), "a")
    }
}

fn put_busybox(machine: &Machine) {
    std::fs::create_dir_all(machine.path("images")).unwrap();
    write_busybox_image(&machine.path("images/busybox.tar"));
}

fn pod(script: &str) -> Value {
    json!({
        "metadata": { "uid": "11111111-1111-1111-1111-111111111111" },
        "spec": {
            "nodeName": "a",
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 5,
            "enableServiceLinks": false,
            "volumes": [{ "name": "v", "emptyDir": {} }],
            "containers": [{
                "name": "c",
                "image": BUSYBOX,
                "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", script],
                "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
                "resources": { "requests": { "memory": "16Mi" }, "limits": { "memory": "64Mi" } },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }],
        },
    })
}

async fn until(api: &FakeApi, pointer: &str, expected: Value) -> Value {
    let check = |api: &FakeApi| api.get(WEB).filter(|pod| pod.pointer(pointer) == Some(&expected));
    api.until(pointer, check).await
}

#[test]
fn pods_run_are_adopted_and_end() {
    Machine::run("start::tests::pods_run_are_adopted_and_end", async |machine| {
        put_busybox(machine);
        let api = FakeApi::new();
        // It says a word, waits to be ended, and says how.
        let script =
            "echo hello; trap 'echo bye > /dev/termination-log; exit 7' TERM; while :; do sleep 0.1; done";
        let kubelet = Running::start(machine, Some(api.client()));
        let ready = |api: &FakeApi| {
            let node = api.get("/api/v1/nodes/a")?;
            let conditions = node["status"]["conditions"].as_array()?.clone();
            conditions
                .into_iter()
                .find(|c| c["type"] == "Ready" && c["status"] == "True")
        };
        api.until("a ready node", ready).await;
        api.put(WEB, pod(script));
        let running = until(&api, "/status/phase", json!("Running")).await;
        let first = &running["status"]["containerStatuses"][0];
        assert!(
            first["containerID"]
                .as_str()
                .unwrap()
                .starts_with("containerd://"),
            "{first}"
        );
        assert!(
            running["status"]["podIP"]
                .as_str()
                .unwrap()
                .starts_with("10.88.0.")
        );
        let log = machine.path("pod-logs/default_web_11111111-1111-1111-1111-111111111111/c/0.log");
        eventually("the log", || {
            std::fs::read_to_string(&log)
                .ok()?
                .contains("stdout F hello")
                .then_some(())
        })
        .await;

        // The next kubelet finds everything as it was.
        kubelet.stop().await;
        let kubelet = Running::start(machine, Some(api.client()));
        let mut changed = api.get(WEB).unwrap();
        changed["metadata"]["labels"] = json!({ "new": "1" });
        changed["metadata"]["generation"] = json!(9);
        api.put(WEB, changed);
        let adopted = until(&api, "/status/observedGeneration", json!(9)).await;
        let now = &adopted["status"]["containerStatuses"][0];
        assert_eq!(
            (&now["containerID"], &now["restartCount"]),
            (&first["containerID"], &json!(0))
        );
        assert_eq!(now["ready"], true);

        // Its end is told, and nothing of it stays.
        let mut marked = api.get(WEB).unwrap();
        marked["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        marked["metadata"]["deletionGracePeriodSeconds"] = json!(5);
        api.put(WEB, marked);
        api.until("the end", |api| api.get(WEB).is_none().then_some(()))
            .await;
        let last = api.last(WEB).unwrap();
        let ended = &last["status"]["containerStatuses"][0]["state"]["terminated"];
        assert_eq!(
            (&ended["exitCode"], &ended["message"]),
            (&json!(7), &json!("bye\n")),
            "{last:#}"
        );
        eventually("no log", || (!log.exists()).then_some(())).await;
        let cri = CriClient::new(&machine.containerd_settings().layout.socket());
        assert!(
            cri.list_containers(ContainerFilter::default())
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            cri.list_sandboxes(PodSandboxFilter::default())
                .await
                .unwrap()
                .is_empty()
        );
        kubelet.stop().await;
        end_containerd(machine).await;
    });
}

#[test]
fn a_node_without_a_cluster_runs_its_manifests() {
    Machine::run(
        "start::tests::a_node_without_a_cluster_runs_its_manifests",
        async |machine| {
            put_busybox(machine);
            let kubelet = Running::start(machine, None);
            let manifest = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: fixed}}\nspec:\n  terminationGracePeriodSeconds: 1\n  hostNetwork: true\n  containers:\n  - name: c\n    image: {BUSYBOX}\n    command: [sh, -c, 'echo here > /out/file; sleep 1000']\n    volumeMounts: [{{name: out, mountPath: /out}}]\n  volumes: [{{name: out, hostPath: {{path: {}, type: DirectoryOrCreate}}}}]\n",
                machine.path("out").display()
            );
            std::fs::create_dir_all(machine.path("manifests")).unwrap();
            std::fs::write(machine.path("manifests/fixed.yaml"), manifest).unwrap();
            let out = machine.path("out/file");
            eventually("the file", || {
                std::fs::read_to_string(&out).ok().filter(|text| text == "here\n")
            })
            .await;
            std::fs::remove_file(machine.path("manifests/fixed.yaml")).unwrap();
            let logs = machine.path("pod-logs");
            let is_empty = || (std::fs::read_dir(&logs).ok()?.count() == 0).then_some(());
            eventually("the end of the pod", is_empty).await;
            kubelet.stop().await;
            end_containerd(machine).await;
        },
    );
}

/// Nothing would end it before the test's machine vanishes; this way its mounts are gone before.
async fn end_containerd(machine: &Machine) {
    let containerd = Containerd::start(machine.containerd_settings(), machine.machine())
        .await
        .unwrap();
    containerd.stop().await.unwrap();
}
