//! A one-node cluster: ready soon, quiet at its end.

use std::time::{Duration, Instant};

use testkit::{Machine, ServerBuilder};

use crate::{SOON, ready_server, shell_pod, wait_pods};

#[test]
fn the_node_is_ready_within_five_seconds_of_the_ready_line() {
    Machine::run(|machine| {
        let server = ServerBuilder::node(machine, "a").start();
        let started = Instant::now();
        let kubectl = server.kubectl();
        crate::wait_ready(&kubectl, "a");
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        let wide = kubectl.run(&["get", "nodes", "-o", "wide"]);
        assert!(
            wide.contains("containerd://") && wide.contains("172.31.0."),
            "{wide}"
        );
    });
}

#[test]
fn the_server_ends_and_comes_back_while_containers_go_on() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("stays", "exec sleep 1000", ""));
        wait_pods(&kubectl, "app=stays");
        let path = "jsonpath={.items[0].status.containerStatuses[0].containerID} {.items[0].status.containerStatuses[0].restartCount} {.items[0].status.podIP}";
        let identity =
            |kubectl: &testkit::Kubectl| kubectl.run(&["get", "pods", "-l", "app=stays", "-o", path]);
        let before = identity(&kubectl);
        let builder = server.builder();
        assert!(server.stop().success());

        let server = builder.start();
        let kubectl = server.kubectl();
        crate::wait_ready(&kubectl, "a");
        wait_pods(&kubectl, "app=stays");
        assert_eq!(identity(&kubectl), before);

        // And without a warning.
        server.kill();
        let server = builder.start();
        let kubectl = server.kubectl();
        crate::wait_ready(&kubectl, "a");
        assert_eq!(identity(&kubectl), before);
        let started = Instant::now();
        kubectl.run(&["delete", "pod", "stays", "--timeout=30s"]);
        assert!(started.elapsed() < SOON);
    });
}
