//! Probes: who gets restarted, and when.

use testkit::{Machine, eventually};

use crate::{SOON, ready_server, shell_pod};

#[test]
fn a_container_that_fails_its_liveness_probe_is_restarted_with_back_off() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let probe =
            "    livenessProbe: {exec: {command: [cat, /tmp/alive]}, periodSeconds: 1, failureThreshold: 1}";
        let script = "touch /tmp/alive; sleep 3; rm /tmp/alive; exec sleep 1000";
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("mortal", script, probe));
        let field =
            |path: &str| kubectl.run(&["get", "pod", "mortal", "-o", &format!("jsonpath={{{path}}}")]);
        eventually("a restart", SOON, || {
            let count = field(".status.containerStatuses[0].restartCount");
            count.parse::<u32>().ok().filter(|&count| count >= 1)
        });
        let events = kubectl.run(&["get", "events"]);
        assert!(
            events.contains("Unhealthy") && events.contains("Liveness probe failed"),
            "{events}"
        );
        assert!(
            events.contains("failed liveness probe, will be restarted"),
            "{events}"
        );
        kubectl.run(&["delete", "pod", "mortal", "--timeout=30s"]);

        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("crashes", "exit 1", ""));
        eventually("back-off", SOON, || {
            let path = "jsonpath={.status.containerStatuses[0].state.waiting.reason}";
            (kubectl.run(&["get", "pod", "crashes", "-o", path]) == "CrashLoopBackOff").then_some(())
        });
    });
}
