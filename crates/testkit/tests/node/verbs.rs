//! The rest of what people type.

use std::io::{BufRead, BufReader};

use testkit::{Machine, eventually};

use crate::{SOON, ready_server, wait_pods};

#[test]
fn everyday_commands_work_on_a_running_cluster() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        assert!(kubectl.run(&["version"]).contains("Server Version: v1.36"));
        assert!(
            kubectl
                .run(&["cluster-info"])
                .contains("Kubernetes control plane")
        );
        assert_eq!(kubectl.run(&["auth", "can-i", "create", "pods"]), "yes");
        assert_eq!(kubectl.run(&["create", "token", "default"]).split('.').count(), 3);

        let mut watch = kubectl
            .command(&["get", "pods", "-w", "--no-headers"])
            .spawn()
            .expect("kubectl runs");
        let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
        kubectl.run(&[
            "run",
            "web",
            "--image=localhost/web:1",
            "--port=8080",
            "--labels=app=web",
        ]);
        wait_pods(&kubectl, "app=web");
        let seen = lines.find_map(|line| line.ok().filter(|line| line.contains("Running")));
        assert!(seen.is_some_and(|line| line.starts_with("web")));
        watch.kill().expect("it runs");
        watch.wait().expect("it ended");

        kubectl.run(&["expose", "pod", "web", "--port=80", "--target-port=8080"]);
        let ip = kubectl.run(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
        let node = machine.lan().node("a");
        let page = eventually("the page", SOON, || node.get(&format!("{ip}:80")).ok());
        assert_eq!(page, "localhost/web:1\n");

        let mut edit = kubectl.command(&["edit", "service", "web"]);
        edit.env("KUBE_EDITOR", "sed -i 's/port: 80$/port: 81/'");
        assert!(edit.status().expect("kubectl runs").success());
        eventually("the new port", SOON, || node.get(&format!("{ip}:81")).ok());

        let described = kubectl.run(&["describe", "pod", "web"]);
        for part in [
            "Successfully assigned default/web to a",
            "Container started",
            "QoS Class",
        ] {
            assert!(described.contains(part), "{part} in\n{described}");
        }
        assert!(kubectl.run(&["describe", "node", "a"]).contains("KubeletReady"));
    });
}

#[test]
fn a_node_is_drained_and_pods_are_deleted_as_told() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run(&["create", "deployment", "web", "--image=localhost/web:1"]);
        wait_pods(&kubectl, "app=web");
        kubectl.run(&["drain", "a", "--ignore-daemonsets", "--timeout=60s"]);
        let pending = kubectl.run(&["get", "pods", "--no-headers"]);
        assert!(pending.contains("Pending"), "{pending}");
        kubectl.run(&["uncordon", "a"]);
        wait_pods(&kubectl, "app=web");

        // Pods left by their owner stay; pods taken along go.
        kubectl.run(&["delete", "deployment", "web", "--cascade=orphan"]);
        let sets = kubectl.run(&["get", "replicasets", "-o", "name"]);
        assert!(sets.starts_with("replicaset.apps/web-"), "{sets}");
        kubectl.run(&["delete", &sets, "--cascade=foreground", "--timeout=60s"]);
        assert_eq!(kubectl.run(&["get", "pods", "-o", "name"]), "");

        kubectl.run(&["run", "stuck", "--image=localhost/web:1", "--labels=app=stuck"]);
        wait_pods(&kubectl, "app=stuck");
        kubectl.run(&["delete", "pod", "stuck", "--grace-period=0", "--force"]);
        assert!(kubectl.refused(&["get", "pod", "stuck"]).contains("not found"));
    });
}
