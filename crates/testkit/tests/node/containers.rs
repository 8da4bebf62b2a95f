//! Containers: init and sidecars, environment, quality of service, images, ends.

use testkit::{Kubectl, Machine, eventually};

use crate::{SOON, ready_server, shell_pod, wait_pods};

const ORDERED: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: ordered, labels: {app: ordered}}
spec:
  terminationGracePeriodSeconds: 1
  restartPolicy: Never
  volumes: [{name: work, emptyDir: {}}]
  initContainers:
  - {name: first, image: localhost/web:1, command: [sh, -c, "echo first >> /work/log"], volumeMounts: [{name: work, mountPath: /work}]}
  - name: sidecar
    image: localhost/web:1
    restartPolicy: Always
    command: [sh, -c, "echo sidecar >> /work/log; touch /work/up; exec sleep 1000"]
    startupProbe: {exec: {command: [cat, /work/up]}, periodSeconds: 1}
    volumeMounts: [{name: work, mountPath: /work}]
  - {name: last, image: localhost/web:1, command: [sh, -c, "echo last >> /work/log"], volumeMounts: [{name: work, mountPath: /work}]}
  containers:
  - {name: main, image: localhost/web:1, command: [sh, -c, "cat /work/log"], volumeMounts: [{name: work, mountPath: /work}]}
"#;

const SETTINGS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {COLOR: blue, SIZE: large}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {password: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: env, labels: {app: env}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: localhost/web:1
    command: [env]
    resources: {limits: {cpu: 200m, memory: 32Mi}}
    env:
    - {name: PLAIN, value: "v"}
    - {name: COMPOSED, value: "$(PLAIN)-$(COLOR)"}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: hidden, key: password}}}
    - {name: SIZE_AGAIN, valueFrom: {configMapKeyRef: {name: settings, key: SIZE}}}
    envFrom: [{configMapRef: {name: settings}}]
"#;

/// Waits until a pod has done its work.
fn wait_done(kubectl: &Kubectl, pod: &str) {
    let target = format!("pod/{pod}");
    let waited = kubectl.call(&[
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "--timeout=60s",
        &target,
    ]);
    let described = || kubectl.call(&["get", "-o", "yaml", &target]).stdout;
    assert_eq!(waited.code, 0, "{}{}", waited.stderr, described());
}

#[test]
fn init_containers_and_sidecars_run_in_order() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], ORDERED);
        wait_done(&kubectl, "ordered");
        assert_eq!(
            kubectl.run(&["logs", "ordered", "-c", "main"]),
            "first\nsidecar\nlast"
        );
    });
}

#[test]
fn the_environment_comes_from_everywhere() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], SETTINGS);
        wait_done(&kubectl, "env");
        let env = kubectl.run(&["logs", "env"]);
        for line in [
            "COLOR=blue",
            "COMPOSED=v-blue",
            "POD=env",
            "IP=10.42.",
            "MEMORY=33554432",
            "PASSWORD=s3cret",
            "SIZE_AGAIN=large",
            "KUBERNETES_SERVICE_HOST=10.43.0.1",
        ] {
            assert!(env.contains(line), "{line} in\n{env}");
        }
        let missing = shell_pod(
            "missing",
            "true",
            "    envFrom: [{configMapRef: {name: nothing}}]",
        );
        kubectl.run_with(&["apply", "-f", "-"], &missing);
        eventually("a reason", SOON, || {
            let path = "jsonpath={.status.containerStatuses[0].state.waiting}";
            let waiting = kubectl.run(&["get", "pod", "missing", "-o", path]);
            (waiting.contains("CreateContainerConfigError")
                && waiting.contains("configmap \\\"nothing\\\" not found"))
            .then_some(())
        });
    });
}

#[test]
fn limits_are_kept_and_said() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let limits = "    resources: {limits: {memory: 24Mi, cpu: 100m}}";
        kubectl.run_with(
            &["apply", "-f", "-"],
            &shell_pod("greedy", "sleep 1; tail /dev/zero", limits),
        );
        eventually("the kill", SOON, || {
            let path = "jsonpath={.status.containerStatuses[0].lastState.terminated.reason}";
            (kubectl.run(&["get", "pod", "greedy", "-o", path]) == "OOMKilled").then_some(())
        });
        assert_eq!(
            kubectl.run(&["get", "pod", "greedy", "-o", "jsonpath={.status.qosClass}"]),
            "Guaranteed"
        );
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("lax", "exec sleep 1000", ""));
        wait_pods(&kubectl, "app=lax");
        assert_eq!(
            kubectl.run(&["get", "pod", "lax", "-o", "jsonpath={.status.qosClass}"]),
            "BestEffort"
        );
        let score = kubectl.run(&["exec", "lax", "--", "cat", "/proc/1/oom_score_adj"]);
        assert_eq!(score, "1000");
    });
}

#[test]
fn an_image_that_is_nowhere_is_said_to_be() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run(&[
            "run",
            "never",
            "--image=localhost/nothing:1",
            "--image-pull-policy=Never",
        ]);
        eventually("the reason", SOON, || {
            let path = "jsonpath={.status.containerStatuses[0].state.waiting.reason}";
            (kubectl.run(&["get", "pod", "never", "-o", path]) == "ErrImageNeverPull").then_some(())
        });
        kubectl.run(&["delete", "pod", "never", "--grace-period=0", "--force"]);
    });
}
