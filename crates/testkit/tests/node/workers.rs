//! Two nodes: a worker joins, is used, and goes on without its master; a lost one is replaced.

use testkit::{Kubectl, Machine, ServerBuilder, eventually};

use crate::{SOON, wait_pods, wait_ready};

const SPREAD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: node-role.kubernetes.io/control-plane, operator: Exists}
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: localhost/web:1
        command: ["sh", "-c", "hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"#;

fn tainted(kubectl: &Kubectl) -> bool {
    let keys = kubectl.run(&["get", "node", "a", "-o", "jsonpath={.spec.taints[*].key}"]);
    keys.contains("node-role.kubernetes.io/control-plane")
}

fn nodes_of_pods(kubectl: &Kubectl) -> Vec<String> {
    let path = "jsonpath={.items[?(@.status.phase=='Running')].spec.nodeName}";
    let nodes = kubectl.run(&["get", "pods", "-l", "app=web", "-o", path]);
    let mut nodes: Vec<String> = nodes.split_whitespace().map(str::to_owned).collect();
    nodes.sort();
    nodes
}

/// What a node's own certificate may read, and that its parts have others.
fn check_identities(kubectl: &Kubectl, node: &str) {
    let user = format!("system:node:{node}");
    for (resource, answer) in [("services", "yes"), ("endpointslices.discovery.k8s.io", "no")] {
        let asked = [
            "auth",
            "can-i",
            "list",
            resource,
            "-A",
            "--as",
            &user,
            "--as-group=system:nodes",
        ];
        assert_eq!(kubectl.call(&asked).stdout.trim(), answer, "{resource}");
    }
    let path = format!("jsonpath={{.items[?(@.spec.username=='{user}')].spec.signerName}}");
    eventually("certificates of the node's parts and its kubelet", SOON, || {
        let signers = kubectl.run(&["get", "csr", "-o", &path]);
        let count = |signer: &str| signers.split_whitespace().filter(|s| *s == signer).count();
        let counts = [
            "kubernetes.io/kube-apiserver-client",
            "kubernetes.io/kubelet-serving",
        ]
        .map(count);
        (counts == [3, 1]).then_some(())
    });
}

#[test]
fn a_worker_joins_and_the_cluster_outlives_master_and_worker() {
    Machine::run(|machine| {
        let server = ServerBuilder::node(machine, "a")
            .with(&["--kube-controller-manager-arg=node-monitor-grace-period=15s"])
            .start();
        let kubectl = server.kubectl();
        wait_ready(&kubectl, "a");
        assert!(!tainted(&kubectl));
        let worker = server.builder().worker(machine, "b").start();
        wait_ready(&kubectl, "b");
        check_identities(&kubectl, "b");
        eventually("the taint of the master", SOON, || {
            tainted(&kubectl).then_some(())
        });

        kubectl.run_with(&["apply", "-f", "-"], SPREAD);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        wait_pods(&kubectl, "app=web");
        assert_eq!(nodes_of_pods(&kubectl), ["a", "b"]);
        let service = kubectl.run(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]) + ":80";
        for name in ["a", "b"] {
            let node = machine.lan().node(name);
            eventually("both pods from each node", SOON, || {
                let mut answers: Vec<String> = (0..20).filter_map(|_| node.get(&service).ok()).collect();
                answers.sort();
                answers.dedup();
                (answers.len() == 2).then_some(())
            });
        }
        let pods = kubectl.run(&[
            "get",
            "pods",
            "-l",
            "app=web",
            "-o",
            "jsonpath={.items[*].metadata.uid} {.items[*].status.containerStatuses[0].restartCount}",
        ]);

        // The master is gone: traffic goes on everywhere.
        let builder = server.builder();
        server.kill();
        for name in ["a", "b"] {
            let node = machine.lan().node(name);
            let answers: Vec<String> = (0..20).filter_map(|_| node.get(&service).ok()).collect();
            assert_eq!(answers.len(), 20, "from {name}");
        }
        let server = builder.start();
        let kubectl = server.kubectl();
        wait_ready(&kubectl, "b");
        let again = kubectl.run(&[
            "get",
            "pods",
            "-l",
            "app=web",
            "-o",
            "jsonpath={.items[*].metadata.uid} {.items[*].status.containerStatuses[0].restartCount}",
        ]);
        assert_eq!(again, pods);

        // The worker is lost: what it ran is run elsewhere, and the master may be used again.
        machine.lan().node("b").partition();
        kubectl.run(&[
            "wait",
            "--for=condition=Ready=Unknown",
            "--timeout=60s",
            "node",
            "b",
        ]);
        eventually("both pods on the master", SOON, || {
            let path = "jsonpath={.items[?(@.spec.nodeName=='a')].metadata.name}";
            let on_master = kubectl.run(&["get", "pods", "-l", "app=web", "-o", path]);
            (on_master.split_whitespace().count() == 2).then_some(())
        });
        eventually("the end of the taint", SOON, || {
            (!tainted(&kubectl)).then_some(())
        });
        machine.lan().node("b").heal();
        wait_ready(&kubectl, "b");
        drop(worker);
    });
}
