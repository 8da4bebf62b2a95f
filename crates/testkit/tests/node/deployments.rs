//! Deployments with real pods behind them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use testkit::{Machine, eventually};

use crate::{SOON, ready_server};

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: web
        image: localhost/web:1
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 2}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"#;

#[test]
fn a_deployment_made_with_kubectl_runs_and_is_rolled_out_and_back() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run(&[
            "create",
            "deployment",
            "web",
            "--image=localhost/web:1",
            "--replicas=3",
        ]);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        let wide = kubectl.run(&["get", "pods", "-o", "wide"]);
        assert_eq!(wide.matches("1/1     Running").count(), 3, "{wide}");
        assert!(
            kubectl
                .run(&["get", "all", "-A"])
                .contains("deployment.apps/web   3/3")
        );

        kubectl.run(&["set", "image", "deployment/web", "web=localhost/web:2"]);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        let images = || {
            let path = "jsonpath={.items[*].spec.containers[0].image}";
            kubectl.run(&["get", "pods", "-l", "app=web", "-o", path])
        };
        eventually("only new pods", SOON, || {
            (images() == "localhost/web:2 localhost/web:2 localhost/web:2").then_some(())
        });
        kubectl.run(&["rollout", "undo", "deployment/web"]);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        eventually("only old pods", SOON, || {
            (images() == "localhost/web:1 localhost/web:1 localhost/web:1").then_some(())
        });
        // A pause holds changes back until they are wanted.
        kubectl.run(&["rollout", "pause", "deployment/web"]);
        kubectl.run(&["set", "image", "deployment/web", "web=localhost/web:2"]);
        kubectl.run(&["scale", "deployment/web", "--replicas=2"]);
        eventually("two old pods", SOON, || {
            (images() == "localhost/web:1 localhost/web:1").then_some(())
        });
        kubectl.run(&["rollout", "resume", "deployment/web"]);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        eventually("two new pods", SOON, || {
            (images() == "localhost/web:2 localhost/web:2").then_some(())
        });
        let history = kubectl.run(&["rollout", "history", "deployment/web"]);
        assert!(history.contains('4'), "{history}");
        let events = kubectl.run(&["get", "events"]);
        for reason in ["Scheduled", "Pulled", "Created", "Started", "Killing"] {
            assert!(events.contains(reason), "{reason} in\n{events}");
        }
        kubectl.run(&["delete", "deployment", "web", "--timeout=60s"]);
        eventually("no pods", SOON, || {
            kubectl
                .run(&["get", "pods", "-o", "name"])
                .is_empty()
                .then_some(())
        });
    });
}

#[test]
fn a_rolling_update_loses_no_request() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], WEB);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        let ip = kubectl.run(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
        let node = machine.lan().node("a");
        eventually("the service", SOON, || node.get(&format!("{ip}:80")).ok());

        let (done, served, failed) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let counter = if node.get(&format!("{ip}:80")).is_ok() {
                            &served
                        } else {
                            &failed
                        };
                        counter.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                });
            }
            kubectl.run(&["set", "image", "deployment/web", "web=localhost/web:2"]);
            let rolled = kubectl.call(&["rollout", "status", "deployment/web", "--timeout=60s"]);
            done.store(true, Ordering::Relaxed);
            assert_eq!(rolled.code, 0, "{}", rolled.stderr);
        });
        assert!(served.load(Ordering::Relaxed) > 100);
        assert_eq!(
            failed.load(Ordering::Relaxed),
            0,
            "of {}",
            served.load(Ordering::Relaxed)
        );
        eventually("only the new version", SOON, || {
            let mut answers = (0..20).filter_map(|_| node.get(&format!("{ip}:80")).ok());
            answers.all(|page| page == "localhost/web:2\n").then_some(())
        });
    });
}
