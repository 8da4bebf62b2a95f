//! Placement: where a pod may go, why it waits, and what makes room.

use testkit::{Kubectl, Machine, eventually};

use crate::{SOON, ready_server, shell_pod, wait_pods};

fn why(kubectl: &Kubectl, pod: &str) -> String {
    eventually("a reason", SOON, || {
        let path = "jsonpath={.status.conditions[?(@.type=='PodScheduled')].message}";
        let message = kubectl.run(&["get", "pod", pod, "-o", path]);
        (!message.is_empty()).then_some(message)
    })
}

/// A pod that sleeps, with more in its specification.
fn pod(name: &str, spec: &str) -> String {
    format!("{}{spec}\n", shell_pod(name, "exec sleep 1000", ""))
}

#[test]
fn a_pod_waits_with_a_reason_and_is_placed_as_soon_as_it_fits() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(
            &["apply", "-f", "-"],
            &pod("picky", "  nodeSelector: {disk: fast}"),
        );
        assert_eq!(
            why(&kubectl, "picky"),
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, \
             preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        );
        let events = kubectl.run(&["describe", "pod", "picky"]);
        assert!(events.contains("FailedScheduling"), "{events}");
        kubectl.run(&["label", "node", "a", "disk=fast"]);
        wait_pods(&kubectl, "app=picky");

        kubectl.run(&["taint", "node", "a", "only=some:NoSchedule"]);
        kubectl.run_with(&["apply", "-f", "-"], &pod("common", ""));
        assert!(why(&kubectl, "common").contains("1 node(s) had untolerated taint"));
        kubectl.run_with(
            &["apply", "-f", "-"],
            &pod("tolerant", "  tolerations: [{key: only, operator: Exists}]"),
        );
        wait_pods(&kubectl, "app=tolerant");
        kubectl.run(&["taint", "node", "a", "only-"]);
        wait_pods(&kubectl, "app=common");

        kubectl.run(&["cordon", "a"]);
        kubectl.run_with(&["apply", "-f", "-"], &pod("late", ""));
        assert!(why(&kubectl, "late").contains("1 node(s) were unschedulable"));
        kubectl.run(&["uncordon", "a"]);
        wait_pods(&kubectl, "app=late");

        let apart = "  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: \
                     kubernetes.io/hostname, labelSelector: {matchLabels: {app: late}}}]}}";
        kubectl.run_with(&["apply", "-f", "-"], &pod("apart", apart));
        assert!(why(&kubectl, "apart").contains("1 node(s) didn't match pod anti-affinity rules"));
        kubectl.run(&["delete", "pod", "late", "--timeout=30s"]);
        wait_pods(&kubectl, "app=apart");
    });
}

#[test]
fn a_pod_of_higher_priority_takes_the_place_of_a_lower_one() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run(&["create", "priorityclass", "high", "--value=1000"]);
        let cpu = kubectl.run(&["get", "node", "a", "-o", "jsonpath={.status.allocatable.cpu}"]);
        let half = cpu.parse::<u32>().expect("whole cores") * 1000 * 6 / 10;
        let requests = format!("    resources: {{requests: {{cpu: {half}m}}}}");
        let greedy =
            |name: &str, spec: &str| format!("{}{spec}\n", shell_pod(name, "exec sleep 1000", &requests));
        kubectl.run_with(&["apply", "-f", "-"], &greedy("low", ""));
        wait_pods(&kubectl, "app=low");
        kubectl.run_with(&["apply", "-f", "-"], &greedy("equal", ""));
        assert!(why(&kubectl, "equal").contains("1 Insufficient cpu"));
        kubectl.run_with(
            &["apply", "-f", "-"],
            &greedy("high", "  priorityClassName: high"),
        );
        wait_pods(&kubectl, "app=high");
        let gone = kubectl.refused(&["get", "pod", "low"]);
        assert!(gone.contains("not found"), "{gone}");
        let events = kubectl.run(&["get", "events"]);
        assert!(events.contains("Preempted"), "{events}");
    });
}
