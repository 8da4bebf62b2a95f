//! A real containerd is started, adopted, changed, and comes back when it dies.

use std::time::Duration;

use futures::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Containerd, ContainerdError};
use crate::cri::message::{LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PodSandboxState};
use crate::cri::{ContainerRuntime, CriClient};
use crate::testing::{Node, cgroup_parent};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_next_kubelet_adopts_it() {
    Node::run("containerd::tests::the_next_kubelet_adopts_it", async |node| {
        let first = node.start_containerd().await;
        let pid = first.pid();
        // The kubelet is gone, containerd is not.
        drop(first);
        let second = node.start_containerd().await;
        assert_eq!(second.pid(), pid);
        drop(second);

        // With other settings it cannot stay.
        let mut settings = node.containerd_settings();
        settings.cni_bin_dir = "/opt/cni/bin".into();
        let third = Containerd::start(settings, node.machine()).await.unwrap();
        assert_ne!(third.pid(), pid);
        third.stop().await.unwrap();
    });
}

#[test]
fn it_is_started_again_and_containers_go_on() {
    Node::run(
        "containerd::tests::it_is_started_again_and_containers_go_on",
        async |node| {
            let containerd = node.start_containerd().await;
            let (pid, socket) = (containerd.pid(), containerd.socket());
            let runtime = CriClient::new(&socket);
            let sandbox = runtime.run_sandbox(&sandbox_config(), "").await.unwrap();

            let shutdown = CancellationToken::new();
            let supervisor = tokio::spawn(containerd.supervise(shutdown.clone()));
            let mut events = runtime.events();
            kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
            // The stream of events breaks with the process that sent them.
            let broken = timeout(PATIENCE, events.next()).await.unwrap();
            assert!(!matches!(broken, Some(Ok(_))), "{broken:?}");

            let state = timeout(PATIENCE, async {
                loop {
                    match runtime.sandbox_status(&sandbox).await {
                        Ok(status) => return status.state(),
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
            });
            assert_eq!(state.await.unwrap(), PodSandboxState::Ready);
            shutdown.cancel();
            supervisor.await.unwrap();
            runtime.remove_sandbox(&sandbox).await.unwrap();
        },
    );
}

#[test]
fn what_cannot_work_says_why() {
    Node::run("containerd::tests::what_cannot_work_says_why", async |node| {
        let mut settings = node.containerd_settings();
        settings.layout = super::ContainerdLayout::new(node.path(&"long/".repeat(30)));
        let error = Containerd::start(settings, node.machine()).await.unwrap_err();
        assert!(matches!(error, ContainerdError::PathTooLong(_)), "{error}");

        let mut machine = node.machine();
        machine.containerd = "/bin/false".into();
        let error = Containerd::start(node.containerd_settings(), machine)
            .await
            .unwrap_err();
        assert!(matches!(error, ContainerdError::Ended { .. }), "{error}");
    });
}

fn sandbox_config() -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: "lasting".to_owned(),
            uid: "1".to_owned(),
            namespace: "default".to_owned(),
            attempt: 0,
        }),
        hostname: "lasting".to_owned(),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: cgroup_parent(),
            ..LinuxPodSandboxConfig::default()
        }),
        ..PodSandboxConfig::default()
    }
}
