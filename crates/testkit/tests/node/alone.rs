//! Kubelet and service proxy in processes of their own, with upstream's flags.

use std::process::{Child, Command, Stdio};

use testkit::{Machine, eventually};

use crate::{SOON, ready_server, wait_pods, wait_ready};

/// A process that is killed when dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self(child.expect("the binary is built; make e2e does it"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn kubelet_and_proxy_alone_make_a_node() {
    Machine::run(|machine| {
        // A whole node leaves what they need: a container runtime that runs, a pod network, kubeconfigs.
        let whole = ready_server(machine);
        let builder = whole.builder();
        // Whoever is alone imports nothing: the images must be there.
        eventually("the images", SOON, || {
            let images = ["get", "node", "a", "-o", "jsonpath={.status.images[*].names}"];
            whole
                .kubectl()
                .run(&images)
                .contains("localhost/web:1")
                .then_some(())
        });
        assert!(whole.stop().success());
        let server = builder.clone().with(&["--disable-agent"]).start();
        let kubectl = server.kubectl();
        kubectl.run(&["delete", "node", "a"]);

        let (node, data) = (machine.lan().node("a"), builder.data_dir());
        let path = |name: &str| data.join(name).display().to_string();
        let _kubelet = Process::start(node.command(testkit::binary()).arg("kubelet").args([
            format!("--kubeconfig={}", path("kubelet.conf")),
            format!(
                "--container-runtime-endpoint=unix://{}",
                path("agent/containerd/containerd.sock")
            ),
            format!("--client-ca-file={}", path("pki/ca.crt")),
            format!("--root-dir={}", machine.folder().join("kubelet").display()),
            format!("--cgroup-root={}", machine.cgroup("alone")),
            format!("--node-ip={}", node.ip()),
            String::from("--hostname-override=a"),
            String::from("--cluster-dns=10.43.0.10"),
            String::from("--cluster-domain=cluster.local"),
            String::from("--eviction-hard=memory.available<1Mi"),
        ]));
        let _proxy = Process::start(node.command(testkit::binary()).arg("kube-proxy").args([
            format!("--kubeconfig={}", path("proxy.conf")),
            String::from("--hostname-override=a"),
        ]));
        wait_ready(&kubectl, "a");
        kubectl.run(&["run", "web", "--image=localhost/web:1", "--labels=app=web"]);
        wait_pods(&kubectl, "app=web");
        kubectl.run(&["expose", "pod", "web", "--port=80", "--target-port=8080"]);
        let ip = kubectl.run(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
        let page = eventually("the page", SOON, || node.get(&format!("{ip}:80")).ok());
        assert_eq!(page, "localhost/web:1\n");
    });
}
