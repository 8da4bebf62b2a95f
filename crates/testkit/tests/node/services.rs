//! Services: names, addresses, node ports, and who gets the traffic.

use std::collections::BTreeSet;

use testkit::{Kubectl, Machine, eventually};

use crate::{SOON, apply_ready, ready_server, shell_pod, wait_pods};

/// Each pod says its own name.
const NAMED: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: localhost/web:1
        command: ["sh", "-c", "hostname > /www/index.html; touch /tmp/ready; exec httpd -f -p 8080 -h /www"]
        readinessProbe: {exec: {command: ["cat", "/tmp/ready"]}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
"#;

fn pods(kubectl: &Kubectl) -> BTreeSet<String> {
    let names = kubectl.run(&["get", "pods", "-l", "app=web", "-o", "name"]);
    names
        .lines()
        .map(|name| name.trim_start_matches("pod/").to_owned())
        .collect()
}

#[test]
fn pods_reach_a_service_by_its_name_and_traffic_goes_to_all_that_are_ready() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        apply_ready(&kubectl, NAMED, "app=web");
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("box", "exec sleep 1000", ""));
        wait_pods(&kubectl, "app=box");
        let all = pods(&kubectl);
        assert_eq!(all.len(), 3);

        let ask = |host: &str| {
            let script = format!("timeout 5 wget -q -O - http://{host}");
            kubectl.call(&["exec", "box", "--", "sh", "-c", &script])
        };
        for name in ["web", "web.default", "web.default.svc.cluster.local"] {
            let said = eventually(name, SOON, || Some(ask(name)).filter(|output| output.code == 0));
            assert!(all.contains(said.stdout.trim()), "{}", said.stdout);
        }
        let node = machine.lan().node("a");
        let cluster_ip = kubectl.run(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
        for address in [format!("{cluster_ip}:80"), format!("{}:30080", node.ip())] {
            let answered = || -> BTreeSet<String> {
                let answers = (0..40).filter_map(|_| node.get(&address).ok());
                answers.map(|answer| answer.trim().to_owned()).collect()
            };
            eventually("answers of all pods", SOON, || (answered() == all).then_some(()));
        }

        // One that is not ready any more gets nothing.
        let odd = all.first().expect("three").clone();
        kubectl.run(&["exec", &odd, "--", "rm", "/tmp/ready"]);
        let rest: BTreeSet<String> = all.iter().filter(|name| **name != odd).cloned().collect();
        eventually("answers of the others only", SOON, || {
            let answers = (0..40).filter_map(|_| node.get(&format!("{cluster_ip}:80")).ok());
            let answers: BTreeSet<String> = answers.map(|answer| answer.trim().to_owned()).collect();
            (answers == rest).then_some(())
        });

        // The API is a Service too.
        let api = "wget -q -O - --no-check-certificate https://kubernetes.default/version 2>&1 || true";
        let said = kubectl.run(&["exec", "box", "--", "sh", "-c", api]);
        assert!(!said.contains("bad address"), "{said}");
        // A name that is not there is said not to be.
        let missing = ask("nothing.default.svc.cluster.local");
        assert!(
            missing.code != 0 && missing.stderr.contains("bad address"),
            "{}",
            missing.stderr
        );
    });
}
