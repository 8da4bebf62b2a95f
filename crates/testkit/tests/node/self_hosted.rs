//! The control plane in containers of a static pod, and the way there and back.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use testkit::{Kubectl, Machine, ServerBuilder, eventually};

use crate::{SOON, wait_ready};

const POD: &str = "pintle-control-plane-a";

/// The pod's containers that run: name, process-independent ID, restarts.
fn running(kubectl: &Kubectl) -> Vec<(String, String, u64)> {
    let output = kubectl.call(&["get", "pod", POD, "-n", "kube-system", "-o", "json"]);
    let pod: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let statuses = pod["status"]["containerStatuses"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut running: Vec<_> = statuses
        .iter()
        .filter(|status| status["state"]["running"].is_object())
        .map(|status| {
            let restarts = status["restartCount"].as_u64().unwrap_or_default();
            (text(&status["name"]), text(&status["containerID"]), restarts)
        })
        .collect();
    running.sort();
    running
}

fn all_run(kubectl: &Kubectl, count: usize) -> Vec<(String, String, u64)> {
    eventually("all components", SOON, || {
        Some(running(kubectl)).filter(|all| all.len() == count)
    })
}

/// A backup of the running cluster, which is checked.
fn save(builder: &ServerBuilder, folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    let path = file.to_str().expect("paths of tests are texts");
    builder.pintle(&["backup", "save", path]);
    let verified = Command::new(testkit::binary())
        .args(["backup", "verify", path])
        .output();
    let verified = verified.expect("the binary is built");
    assert!(verified.status.success(), "{verified:?}");
    file
}

/// Ends a component by surprise. The machine has process numbers of its own.
fn kill_component(name: &str) {
    // Store and API server are commands of pintle.
    let words: Vec<String> = match name {
        "etcd" => vec!["pintle".into(), "etcd".into()],
        "kube-apiserver" => vec!["pintle".into(), "server".into()],
        name => vec![name.into()],
    };
    let line = format!("/usr/lib/pintle-image/{}", words.join("\0"));
    let processes = std::fs::read_dir("/proc").expect("read").flatten();
    let found = processes.filter_map(|process| {
        let found = std::fs::read(process.path().join("cmdline")).ok()?;
        let is_it = found.starts_with(format!("{line}\0").as_bytes());
        is_it.then(|| process.file_name().to_str()?.parse().ok())?
    });
    let ids: Vec<i32> = found.collect();
    assert_eq!(ids.len(), 1, "one {name} runs");
    kill(Pid::from_raw(ids[0]), Signal::SIGKILL).expect("it is ours");
}

#[test]
fn the_control_plane_runs_in_a_pod_and_comes_back_from_it() {
    Machine::run(|machine| {
        let plain = ServerBuilder::node(machine, "a");
        let builder = plain.clone().with(&["--self-hosted"]);
        let server = builder.start();
        let kubectl = server.kubectl();
        wait_ready(&kubectl, "a");
        let components = all_run(&kubectl, 4);
        for component in [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
        ] {
            let logs = kubectl.run(&["logs", "-n", "kube-system", POD, "-c", component]);
            assert!(!logs.is_empty(), "{component} says something");
        }
        kubectl.run(&["create", "deployment", "web", "--image=localhost/web:1"]);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=90s"]);

        // A component that is killed comes back by itself: the store too, and the API's watches with it.
        for component in ["kube-scheduler", "etcd", "kube-apiserver"] {
            kill_component(component);
            eventually(&format!("{component} again"), SOON, || {
                running(&kubectl)
                    .into_iter()
                    .find(|(name, _, restarts)| name == component && *restarts > 0)
            });
            kubectl.run(&["create", "configmap", &format!("after-{component}")]);
            // A variable of its own: kubectl refuses two "rollout restart" within a second.
            let variable = format!("AFTER={component}");
            kubectl.run(&["set", "env", "deployment/web", &variable]);
            kubectl.run(&["rollout", "status", "deployment/web", "--timeout=90s"]);
        }

        // The process on the host may go and come: the containers are adopted.
        let kept = |all: Vec<(String, String, u64)>| {
            all.into_iter()
                .map(|(name, id, _)| (name, id))
                .collect::<Vec<_>>()
        };
        let before = kept(all_run(&kubectl, 4));
        assert_eq!(before.len(), components.len());
        assert!(server.stop().success());
        assert_eq!(kubectl.run(&["get", "--raw", "/readyz"]), "ok");
        let server = builder.start();
        assert_eq!(kept(all_run(&server.kubectl(), 4)), before);
        save(&builder, machine.folder(), "embedded");

        // Back: the same data in one process, and no pod any more.
        assert!(server.stop().success());
        let server = plain.start();
        let kubectl = server.kubectl();
        kubectl.run(&["get", "deployment", "web"]);
        // What was written through the store's container is read in one process.
        kubectl.run(&["get", "configmap", "after-etcd", "after-kube-apiserver"]);
        eventually("the end of the pod", SOON, || {
            let pods = kubectl.run(&["get", "pods", "-n", "kube-system", "-o", "name"]);
            (!pods.contains(POD)).then_some(())
        });
        kubectl.run(&["scale", "deployment", "web", "--replicas=2"]);
        kubectl.run(&["rollout", "status", "deployment/web", "--timeout=90s"]);
    });
}

#[test]
fn its_state_may_be_in_an_etcd_of_the_users() {
    Machine::run(|machine| {
        let etcd = testkit::etcd_on(&[machine.lan().node("a")]).tls().start();
        let flags = etcd.pintle_flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let plain = ServerBuilder::node(machine, "a")
            .with(&flags)
            .with(&["--token=secret"]);
        let builder = plain.clone().with(&["--self-hosted"]);
        let server = builder.start();
        let kubectl = server.kubectl();
        wait_ready(&kubectl, "a");
        let components: Vec<String> = all_run(&kubectl, 3).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(
            components,
            ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
        );
        assert!(
            !builder.data_dir().join("store").exists(),
            "the state is elsewhere"
        );
        kubectl.run(&["create", "configmap", "kept"]);
        let held = etcd.ctl(&["get", "/registry/configmaps/default/kept", "--keys-only"]);
        assert!(held.contains("kept"), "{held}");
        let file = save(&builder, machine.folder(), "in-etcd");

        // Back to one process over the same etcd, and to one with a store of its own.
        assert!(server.stop().success());
        let server = plain.start();
        server.kubectl().run(&["get", "configmap", "kept"]);
        assert!(server.stop().success());
        let elsewhere = ServerBuilder::node(machine, "a").with(&["--disable-agent"]);
        let path = file.to_str().expect("paths of tests are texts");
        // Its images are there already, and are of no use here.
        elsewhere.pintle(&["restore", path, "--force"]);
        let server = elsewhere.start();
        server.kubectl().run(&["get", "configmap", "kept"]);
    });
}
