//! What the controllers make of things, with the test in the place of the kubelet.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Kubectl, ServerBuilder, eventually};

const SOON: Duration = Duration::from_secs(30);

fn apply(kubectl: &Kubectl, object: &Value) {
    kubectl.run_with(&["apply", "-f", "-"], &object.to_string());
}

fn items(kubectl: &Kubectl, what: &[&str]) -> Vec<Value> {
    let list = kubectl.json(&[&["get"], what].concat());
    list["items"].as_array().cloned().unwrap_or_default()
}

fn names(items: &[Value]) -> Vec<String> {
    let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
}

/// Waits until there are so many.
fn so_many(kubectl: &Kubectl, what: &[&str], count: usize) -> Vec<Value> {
    eventually(&format!("{count} of {what:?}"), SOON, || {
        Some(items(kubectl, what)).filter(|items| items.len() == count)
    })
}

/// Says of a pod what a kubelet would.
fn set_phase(kubectl: &Kubectl, pod: &str, phase: &str) {
    let ready = if phase == "Running" { "True" } else { "False" };
    let condition = json!({ "type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let status = json!({ "status": { "phase": phase, "conditions": [condition] } }).to_string();
    kubectl.run(&[
        "patch",
        "pod",
        pod,
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ]);
}

fn template(label: &str, restart: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": label } },
        "spec": { "restartPolicy": restart, "containers": [{ "name": "c", "image": "localhost/c:1" }] },
    })
}

#[test]
fn a_job_completes_when_its_pods_have_succeeded() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let spec = json!({ "completions": 2, "parallelism": 1, "completionMode": "Indexed", "template": template("j", "Never") });
    apply(
        &kubectl,
        &json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" }, "spec": spec }),
    );
    for index in ["0", "1"] {
        let selector =
            format!("batch.kubernetes.io/job-name=j,batch.kubernetes.io/job-completion-index={index}");
        let pod = so_many(&kubectl, &["pods", "-l", &selector], 1).remove(0);
        let finalizers = &pod["metadata"]["finalizers"];
        assert_eq!(*finalizers, json!(["batch.kubernetes.io/job-tracking"]));
        set_phase(&kubectl, &names(&[pod])[0], "Succeeded");
    }
    kubectl.run(&["wait", "--for=condition=complete", "job/j", "--timeout=30s"]);
    let status = &kubectl.json(&["get", "job", "j"])["status"];
    assert_eq!(
        (&status["succeeded"], &status["completedIndexes"]),
        (&json!(2), &json!("0,1"))
    );
    eventually("the pods are let go", SOON, || {
        let pods = items(&kubectl, &["pods"]);
        pods.iter()
            .all(|pod| pod["metadata"]["finalizers"].is_null())
            .then_some(())
    });
    kubectl.run(&["delete", "job", "j", "--timeout=30s"]);
    so_many(&kubectl, &["pods"], 0);
}

#[test]
fn a_job_whose_pods_fail_fails() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let spec = json!({ "backoffLimit": 0, "template": template("j", "Never"), "ttlSecondsAfterFinished": 1 });
    apply(
        &kubectl,
        &json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" }, "spec": spec }),
    );
    let pod = names(&so_many(&kubectl, &["pods"], 1)).remove(0);
    set_phase(&kubectl, &pod, "Failed");
    eventually("an event tells why", SOON, || {
        let events = items(&kubectl, &["events"]);
        events
            .iter()
            .any(|event| event["reason"] == "BackoffLimitExceeded")
            .then_some(())
    });
    // Its time to live is over soon.
    so_many(&kubectl, &["jobs"], 0);
    so_many(&kubectl, &["pods"], 0);
}

#[test]
fn a_cron_job_starts_jobs_and_keeps_few() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let spec = json!({
        "schedule": "@every 1s", "concurrencyPolicy": "Forbid",
        "jobTemplate": { "spec": { "template": template("c", "Never") } },
    });
    apply(
        &kubectl,
        &json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "c" }, "spec": spec }),
    );
    let job = so_many(&kubectl, &["jobs"], 1).remove(0);
    assert_eq!(job["metadata"]["ownerReferences"][0]["kind"], "CronJob");
    let status = eventually("the job is listed", SOON, || {
        let status = kubectl.json(&["get", "cronjob", "c"])["status"].take();
        status["active"].is_array().then_some(status)
    });
    assert_eq!(status["active"][0]["name"], job["metadata"]["name"]);
    kubectl.run(&["delete", "cronjob", "c"]);
    so_many(&kubectl, &["jobs"], 0);
}

#[test]
fn each_node_has_its_daemon_pod_and_the_set_rolls() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    for node in ["a", "b"] {
        kubectl.run_with(
            &["create", "-f", "-"],
            &json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": node } }).to_string(),
        );
    }
    let mut spec =
        json!({ "selector": { "matchLabels": { "app": "d" } }, "template": template("d", "Always") });
    spec["template"]["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    apply(
        &kubectl,
        &json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "d" }, "spec": spec }),
    );
    for pod in names(&so_many(&kubectl, &["pods"], 2)) {
        set_phase(&kubectl, &pod, "Running");
    }
    kubectl.run(&["rollout", "status", "daemonset/d", "--timeout=30s"]);
    kubectl.run(&["set", "image", "daemonset/d", "c=localhost/c:2"]);
    eventually("every pod has the new image", SOON, || {
        for pod in items(&kubectl, &["pods"]) {
            let name = names(std::slice::from_ref(&pod)).remove(0);
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                // What is bound goes when its kubelet says so. It may be gone already.
                kubectl.call(&["delete", "pod", &name, "--force", "--grace-period=0"]);
            } else if pod["status"]["phase"] == "Pending" {
                set_phase(&kubectl, &name, "Running");
            }
        }
        let pods = items(&kubectl, &["pods"]);
        let is_new = |pod: &Value| pod["spec"]["containers"][0]["image"] == "localhost/c:2";
        (pods.len() == 2 && pods.iter().all(is_new)).then_some(())
    });
    let history = kubectl.run(&["rollout", "history", "daemonset/d"]);
    assert!(history.contains('2'), "{history}");
    // The node is gone, and with it, after a while, its pod; the set wants none for it at once.
    kubectl.run(&["delete", "node", "b"]);
    eventually("one pod is wanted", SOON, || {
        let wanted = &kubectl.json(&["get", "daemonset", "d"])["status"]["desiredNumberScheduled"];
        (*wanted == 1).then_some(())
    });
}

#[test]
fn stateful_pods_come_in_order_with_claims() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let claim = json!({
        "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    let spec = json!({
        "serviceName": "s", "replicas": 2, "selector": { "matchLabels": { "app": "s" } },
        "template": template("s", "Always"), "volumeClaimTemplates": [claim],
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete", "whenScaled": "Retain" },
    });
    apply(
        &kubectl,
        &json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "s" }, "spec": spec }),
    );
    let first = so_many(&kubectl, &["pods"], 1);
    assert_eq!(names(&first), ["s-0"]);
    assert_eq!(
        first[0]["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"],
        "s-0"
    );
    set_phase(&kubectl, "s-0", "Running");
    assert_eq!(names(&so_many(&kubectl, &["pods"], 2)), ["s-0", "s-1"]);
    assert_eq!(names(&so_many(&kubectl, &["pvc"], 2)), ["data-s-0", "data-s-1"]);
    set_phase(&kubectl, "s-1", "Running");
    kubectl.run(&["rollout", "status", "statefulset/s", "--timeout=30s"]);
    kubectl.run(&["delete", "statefulset", "s", "--timeout=30s"]);
    so_many(&kubectl, &["pods"], 0);
    so_many(&kubectl, &["pvc"], 0);
}

#[test]
fn quotas_count_what_comes_and_goes() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "namespace", "q"]);
    let used = |expected: &Value| {
        eventually("the quota counts", SOON, || {
            let status = kubectl.json(&["get", "quota", "q", "-n", "q"])["status"].take();
            (status["used"] == *expected).then_some(())
        });
    };
    eventually("the namespace's own map", SOON, || {
        (items(&kubectl, &["configmaps", "-n", "q"]).len() == 1).then_some(())
    });
    kubectl.run(&[
        "create",
        "quota",
        "q",
        "-n",
        "q",
        "--hard=configmaps=2,pods=1,count/deployments.apps=1",
    ]);
    used(&json!({ "configmaps": "1", "pods": "0", "count/deployments.apps": "0" }));
    kubectl.run(&["create", "configmap", "a", "-n", "q"]);
    used(&json!({ "configmaps": "2", "pods": "0", "count/deployments.apps": "0" }));
    let refused = kubectl.refused(&["create", "configmap", "b", "-n", "q"]);
    assert!(
        refused.contains(
            "exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2"
        ),
        "{refused}"
    );
    kubectl.run(&["delete", "configmap", "a", "-n", "q"]);
    used(&json!({ "configmaps": "1", "pods": "0", "count/deployments.apps": "0" }));
    kubectl.run(&[
        "create",
        "deployment",
        "d",
        "-n",
        "q",
        "--image=localhost/c:1",
        "--replicas=2",
    ]);
    used(&json!({ "configmaps": "1", "pods": "1", "count/deployments.apps": "1" }));
    kubectl.run(&["delete", "deployment", "d", "-n", "q", "--cascade=foreground"]);
    used(&json!({ "configmaps": "1", "pods": "0", "count/deployments.apps": "0" }));
}

#[test]
fn endpoints_written_by_hand_are_mirrored() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" }, "spec": { "ports": [{ "port": 80 }] } });
    apply(&kubectl, &service);
    let subset = json!({ "addresses": [{ "ip": "192.0.2.1" }], "ports": [{ "port": 8080 }] });
    let endpoints =
        json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "s" }, "subsets": [subset] });
    apply(&kubectl, &endpoints);
    let slices = ["endpointslices", "-l", "kubernetes.io/service-name=s"];
    let slice = so_many(&kubectl, &slices, 1).remove(0);
    assert_eq!(slice["endpoints"][0]["addresses"], json!(["192.0.2.1"]));
    assert_eq!(
        slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"],
        "endpointslicemirroring-controller.k8s.io"
    );
    kubectl.run(&["delete", "endpoints", "s"]);
    so_many(&kubectl, &slices, 0);
}

#[test]
fn a_claim_in_use_stays_until_its_pod_is_gone() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "c" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    apply(&kubectl, &claim);
    kubectl.run_with(
        &["create", "-f", "-"],
        r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}"#,
    );
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
        "spec": {
            "nodeName": "a", "containers": [{ "name": "c", "image": "localhost/c:1" }],
            "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": "c" } }],
        },
    });
    apply(&kubectl, &pod);
    kubectl.run(&["delete", "pvc", "c", "--wait=false"]);
    let claim = &kubectl.json(&["get", "pvc", "c"])["metadata"];
    assert!(claim["deletionTimestamp"].is_string(), "{claim}");
    assert_eq!(claim["finalizers"], json!(["kubernetes.io/pvc-protection"]));
    kubectl.run(&["delete", "pod", "p", "--force", "--grace-period=0"]);
    so_many(&kubectl, &["pvc"], 0);
}

#[test]
fn replication_controllers_have_pods() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let spec = json!({ "replicas": 2, "selector": { "app": "r" }, "template": template("r", "Always") });
    apply(
        &kubectl,
        &json!({ "apiVersion": "v1", "kind": "ReplicationController", "metadata": { "name": "r" }, "spec": spec }),
    );
    for pod in names(&so_many(&kubectl, &["pods"], 2)) {
        set_phase(&kubectl, &pod, "Running");
    }
    eventually("both are ready", SOON, || {
        let ready = &kubectl.json(&["get", "rc", "r"])["status"]["readyReplicas"];
        (*ready == 2).then_some(())
    });
    kubectl.run(&["scale", "rc", "r", "--replicas=1"]);
    so_many(&kubectl, &["pods"], 1);
}

#[test]
fn a_claim_is_bound_to_a_volume_that_fits_and_releases_it() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    for (name, size) in [("large", "10Gi"), ("fits", "2Gi")] {
        let spec = json!({
            "capacity": { "storage": size }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/tmp/x" },
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
        });
        apply(
            &kubectl,
            &json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": name }, "spec": spec }),
        );
    }
    eventually("the volumes are free", SOON, || {
        let volumes = items(&kubectl, &["pv"]);
        volumes
            .iter()
            .all(|volume| volume["status"]["phase"] == "Available")
            .then_some(())
    });
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": { "requests": { "storage": "1Gi" } },
    });
    apply(
        &kubectl,
        &json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "c" }, "spec": spec }),
    );
    kubectl.run(&[
        "wait",
        "--for=jsonpath={.status.phase}=Bound",
        "pvc/c",
        "--timeout=30s",
    ]);
    let claim = kubectl.json(&["get", "pvc", "c"]);
    assert_eq!(claim["spec"]["volumeName"], "fits");
    assert_eq!(claim["status"]["capacity"]["storage"], "2Gi");
    kubectl.run(&[
        "wait",
        "--for=jsonpath={.status.phase}=Bound",
        "pv/fits",
        "--timeout=30s",
    ]);
    kubectl.run(&["delete", "pvc", "c", "--timeout=30s"]);
    kubectl.run(&[
        "wait",
        "--for=jsonpath={.status.phase}=Released",
        "pv/fits",
        "--timeout=30s",
    ]);
}

#[test]
fn bootstrap_tokens_sign_and_end() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let data = json!({
        "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true",
    });
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bootstrap-token-abcdef", "namespace": "kube-system" },
        "type": "bootstrap.kubernetes.io/token", "stringData": data,
    });
    apply(&kubectl, &token);
    // A server that is reached from elsewhere has made it already.
    kubectl.call(&[
        "create",
        "configmap",
        "cluster-info",
        "-n",
        "kube-public",
        "--from-literal=kubeconfig=c",
    ]);
    let signed = |expected: bool| {
        eventually("signatures follow the token", SOON, || {
            let data =
                kubectl.json(&["get", "configmap", "cluster-info", "-n", "kube-public"])["data"].take();
            (data["jws-kubeconfig-abcdef"].is_string() == expected).then_some(())
        });
    };
    signed(true);
    let ended = r#"{"stringData":{"expiration":"2020-01-01T00:00:00Z"}}"#;
    kubectl.run(&[
        "patch",
        "secret",
        "bootstrap-token-abcdef",
        "-n",
        "kube-system",
        "-p",
        ended,
    ]);
    eventually("the token is gone", SOON, || {
        let there = kubectl.run(&[
            "get",
            "secret",
            "bootstrap-token-abcdef",
            "-n",
            "kube-system",
            "--ignore-not-found",
        ]);
        there.is_empty().then_some(())
    });
    signed(false);
}
