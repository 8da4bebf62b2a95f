//! Masters are killed, stopped and cut off, one after the other, while a client writes and a worker works.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Kubectl, Machine, eventually};

use crate::cluster::{Masters, NAMES, SOON, leader, nodes, wait_endpoints, wait_leader_other_than};
use crate::writer::Writer;

/// After `kill -9`, and when a master is cut off.
const TAKEOVER: Duration = Duration::from_secs(20);
/// After a clean stop.
const HANDOVER: Duration = Duration::from_secs(3);

const WEB: &str = r#"
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
      containers:
      - {name: web, image: "localhost/web:1", command: ["httpd", "-f", "-p", "8080"]}
"#;

/// Pods that are to stay, the containers they run and how often those were started.
fn pods(kubectl: &Kubectl) -> BTreeSet<String> {
    let all = kubectl.json(&["get", "pods", "-l", "app=web"])["items"].take();
    let all = all.as_array().expect("a list");
    let staying = all
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let line = |pod: &Value| {
        let container = &pod["status"]["containerStatuses"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, id) = (text(&pod["metadata"]["name"]), text(&container["containerID"]));
        format!("{name} {id} {}", container["restartCount"])
    };
    staying.map(line).collect()
}

fn rolled_out(kubectl: &Kubectl) {
    kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
}

fn scale(kubectl: &Kubectl, count: usize) {
    kubectl.run(&["scale", "deployment/web", &format!("--replicas={count}")]);
    rolled_out(kubectl);
}

#[test]
fn a_cluster_outlives_each_of_its_masters() {
    Machine::run(|machine| {
        let etcd = testkit::etcd_on(&nodes(machine)).start();
        let mut masters = Masters::start(machine, &etcd.pintle_flags());
        let all = masters.names();
        for name in &all {
            wait_endpoints(machine, &masters.kubectl(name), &all, SOON);
        }
        let servers: Vec<String> = NAMES
            .iter()
            .map(|name| format!("https://{}:6443", machine.lan().node(name).ip()))
            .collect();
        let kubeconfig = masters.any().folder().join("writer.conf");
        std::fs::copy(masters.any().kubeconfig(), &kubeconfig).expect("copied");
        let writer = Writer::start(machine, &kubeconfig, &servers);

        // The worker is told of one master, which is about to lead and to die.
        let first = eventually("a leader", SOON, || leader(&masters.kubectl("m1")));
        let leading = masters.take(&first);
        let worker = leading.builder().worker(machine, "w");
        let running = worker.start();
        let kubectl = masters.kubectl(&masters.names()[0]);
        eventually("the worker", SOON, || {
            let ready = kubectl.call(&["wait", "--for=condition=Ready", "node/w", "--timeout=1s"]);
            (ready.code == 0).then_some(())
        });
        kubectl.run_with(&["apply", "-f", "-"], WEB);
        rolled_out(&kubectl);
        let started = pods(&kubectl);
        let known = worker.data_dir().join("agent/masters.json");
        eventually("all masters at the worker", SOON, || {
            let text = std::fs::read_to_string(&known).ok()?;
            (text.matches(":6443").count() == 3).then_some(())
        });

        let began = Instant::now();
        leading.kill();
        let second = wait_leader_other_than(&kubectl, &first, TAKEOVER);
        println!("after kill -9 another led within {:?}", began.elapsed());
        wait_endpoints(machine, &kubectl, &masters.names(), TAKEOVER);
        scale(&kubectl, 3);
        assert!(
            pods(&kubectl).is_superset(&started),
            "{:?} {started:?}",
            pods(&kubectl)
        );
        masters.start_again(&first);
        wait_endpoints(machine, &kubectl, &all, SOON);

        // The next one leaves in good order.
        let leaving = masters.take(&second);
        let kubectl = masters.kubectl(&first);
        let began = Instant::now();
        let stopping = std::thread::spawn(move || leaving.stop());
        let third = wait_leader_other_than(&kubectl, &second, HANDOVER);
        println!("after a clean stop another led within {:?}", began.elapsed());
        wait_endpoints(machine, &kubectl, &masters.names(), HANDOVER);
        assert!(stopping.join().expect("ended").success());
        scale(&kubectl, 2);
        masters.start_again(&second);
        wait_endpoints(machine, &kubectl, &all, SOON);

        // The third loses its cable, and gets it back.
        let node = machine.lan().node(&third);
        node.partition();
        let elsewhere = all.iter().find(|name| **name != third).expect("there are others");
        let kubectl = masters.kubectl(elsewhere);
        let began = Instant::now();
        wait_leader_other_than(&kubectl, &third, TAKEOVER);
        println!(
            "when a leader was cut off another led within {:?}",
            began.elapsed()
        );
        let others: Vec<String> = all.iter().filter(|name| **name != third).cloned().collect();
        wait_endpoints(machine, &kubectl, &others, TAKEOVER);
        scale(&kubectl, 3);
        let before = pods(&kubectl);
        node.heal();
        wait_endpoints(machine, &kubectl, &all, SOON);
        eventually("the healed master", SOON, || {
            let healed = masters.kubectl(&third).call(&[
                "get",
                "deployment",
                "web",
                "-o",
                "jsonpath={.status.readyReplicas}",
            ]);
            (healed.stdout == "3").then_some(())
        });
        assert_eq!(pods(&kubectl), before);
        assert!(before.iter().all(|pod| pod.ends_with(" 0")), "{before:?}");

        let acknowledged = writer.stop();
        assert!(acknowledged.len() > 100, "{}", acknowledged.len());
        for name in &all {
            let said = masters.kubectl(name).run(&["get", "configmaps", "-o", "name"]);
            let there: BTreeSet<&str> = said
                .lines()
                .filter_map(|line| line.strip_prefix("configmap/"))
                .collect();
            let lost: Vec<&String> = acknowledged
                .iter()
                .filter(|name| !there.contains(name.as_str()))
                .collect();
            assert!(lost.is_empty(), "{name}: {lost:?}");
        }
        println!("{} acknowledged writes, all there", acknowledged.len());
        drop(running);
    });
}
