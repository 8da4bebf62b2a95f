//! Measures what keeping managed fields costs, in time on the processor: a pod is created, updated, and updated without
//! effect.
//!
//! `cargo run --release -p patch --example track_update`

use std::hint::black_box;

use meta::GroupVersionKind;
use patch::managed::{Write, track_update};
use serde_json::{Value, json};

fn main() {
    let Some(schema) = schema::builtin(&GroupVersionKind::new("", "v1", "Pod")) else {
        return;
    };
    let write =
        |manager: &'static str, subresource: &'static str, reset_fields: &'static [&'static str]| Write {
            manager,
            api_version: "v1",
            subresource,
            time: "2024-01-01T00:00:00Z",
            schema,
            reset_fields,
            resets_in_all_versions: true,
            convert: None,
        };
    let pod = pod();
    println!("pod: {} bytes", pod.to_string().len());

    measure("create", || {
        let mut new = pod.clone();
        track_update(&write("kubectl-create", "", &["status"]), None, &mut new);
        new
    });
    let mut old = pod.clone();
    track_update(&write("kubectl-create", "", &["status"]), None, &mut old);
    let mut bound = old.clone();
    bound["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "podIPs": [{"ip": "10.0.0.1"}]});
    measure("status update", || {
        let mut new = bound.clone();
        track_update(&write("kubelet", "status", &["spec"]), Some(&old), &mut new);
        new
    });
    measure("update without effect", || {
        let mut new = old.clone();
        track_update(&write("kubectl-edit", "", &["status"]), Some(&old), &mut new);
        new
    });
    measure("(clone of the pod alone)", || old.clone());
}

fn measure(what: &str, work: impl Fn() -> Value) {
    const ROUNDS: u64 = 20_000;
    for _ in 0..1_000 {
        black_box(work());
    }
    let start = on_processor_ns();
    for _ in 0..ROUNDS {
        black_box(work());
    }
    println!("{what}: {} ns", (on_processor_ns() - start) / ROUNDS);
}

/// Nanoseconds that this process has run. Other processes do not count, however busy they are.
fn on_processor_ns() -> u64 {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|text| text.parse().ok());
    nanoseconds.unwrap_or(0)
}

fn pod() -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.example.com/app:v1.2.3", "imagePullPolicy": "IfNotPresent",
            "command": ["/app"], "args": ["--port=8080", "--verbose"],
            "env": [{"name": "A", "value": "1"}, {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3, "successThreshold": 1, "timeoutSeconds": 1},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web-7d4b9c6f5-abcde", "generateName": "web-7d4b9c6f5-", "namespace": "default",
            "labels": {"app": "web", "pod-template-hash": "7d4b9c6f5"}, "annotations": {"example.com/checksum": "0123456789abcdef"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b9c6f5", "uid": "11111111-2222-3333-4444-555555555555", "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {
            "containers": [container("web"), container("sidecar")],
            "volumes": [{"name": "config", "configMap": {"name": "web", "defaultMode": 420}}, {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": []}}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
            "serviceAccount": "default", "securityContext": {}, "schedulerName": "default-scheduler", "enableServiceLinks": true, "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    })
}
