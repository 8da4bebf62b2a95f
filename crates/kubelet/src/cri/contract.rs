//! The contract of [`ContainerRuntime`] as a test suite. It runs on the fake and on a real containerd.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::timeout;

use super::events::EventKind;
use super::fake::FakeRuntime;
use super::message::*;
use super::{ContainerRuntime, Result, RuntimeEvent};
use crate::testing::{BUSYBOX, Node};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn fake_keeps_the_contract() {
    suite(&FakeRuntime::new(&[BUSYBOX]), "/nonexistent").await;
}

#[test]
fn containerd_keeps_the_contract() {
    Node::run("cri::contract::containerd_keeps_the_contract", async |node| {
        let containerd = node.start_containerd().await;
        let runtime = super::CriClient::new(&containerd.socket());
        suite(&runtime, &node.path("logs").to_string_lossy()).await;
        containerd.stop().await.unwrap();
    });
}

/// A runtime under test, with what its sandboxes need.
struct Subject<'a> {
    runtime: &'a dyn ContainerRuntime,
    logs: &'a str,
}

async fn suite(runtime: &dyn ContainerRuntime, logs: &str) {
    let subject = Subject { runtime, logs };
    subject.says_who_it_is().await;
    subject.sandboxes_live_and_go().await;
    subject.containers_run_and_end().await;
    subject.stopping_a_sandbox_ends_its_containers().await;
    subject.what_is_gone_is_not_found().await;
    subject.events_tell_of_starts_and_ends().await;
    subject.commands_run_in_containers().await;
    subject.images_are_found_by_name_and_id().await;
}

impl Subject<'_> {
    fn sandbox_config(&self, name: &str) -> PodSandboxConfig {
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: format!("uid-{name}"),
                namespace: "default".to_owned(),
                attempt: 0,
            }),
            hostname: name.to_owned(),
            log_directory: self.logs.to_owned(),
            labels: StringMap::from([("pod".to_owned(), name.to_owned())]),
            annotations: StringMap::from([("note".to_owned(), "kept".to_owned())]),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: crate::testing::cgroup_parent(),
                ..LinuxPodSandboxConfig::default()
            }),
            ..PodSandboxConfig::default()
        }
    }

    async fn run_sandbox(&self, name: &str) -> String {
        self.runtime
            .run_sandbox(&self.sandbox_config(name), "")
            .await
            .unwrap()
    }

    async fn create(&self, sandbox: &str, name: &str, command: &[&str]) -> Result<String> {
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: name.to_owned(),
                attempt: 2,
            }),
            image: Some(ImageSpec::new(BUSYBOX)),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            labels: StringMap::from([("container".to_owned(), name.to_owned())]),
            annotations: StringMap::from([("restarts".to_owned(), "2".to_owned())]),
            log_path: format!("{name}.log"),
            linux: Some(LinuxContainerConfig::default()),
            ..ContainerConfig::default()
        };
        let sandbox_config = self.sandbox_config("any");
        self.runtime
            .create_container(sandbox, &config, &sandbox_config)
            .await
    }

    async fn start(&self, sandbox: &str, name: &str, command: &[&str]) -> String {
        let id = self.create(sandbox, name, command).await.unwrap();
        self.runtime.start_container(&id).await.unwrap();
        id
    }

    /// The status once the container has ended.
    async fn ended(&self, id: &str, events: &mut Events) -> ContainerStatus {
        timeout(PATIENCE, async {
            loop {
                let status = self.runtime.container_status(id).await.unwrap();
                if status.state() == ContainerState::Exited {
                    return status;
                }
                // An event may come shortly before the state is visible: look again after a moment without events too.
                let _ = timeout(Duration::from_millis(50), events.next()).await;
            }
        })
        .await
        .expect("the container ends")
    }

    fn events(&self) -> Events {
        self.runtime.events()
    }

    async fn says_who_it_is(&self) {
        let version = self.runtime.version().await.unwrap();
        assert!(!version.runtime_name.is_empty());
        let status = self.runtime.status().await.unwrap().status.unwrap();
        let is_ready = |name: &str| status.conditions.iter().any(|c| c.r#type == name && c.status);
        assert!(is_ready("RuntimeReady"), "{status:?}");
        assert!(is_ready("NetworkReady"), "{status:?}");
    }

    async fn sandboxes_live_and_go(&self) {
        let id = self.run_sandbox("life").await;
        let status = self.runtime.sandbox_status(&id).await.unwrap();
        assert_eq!(status.state(), PodSandboxState::Ready);
        assert_eq!(status.metadata.unwrap().name, "life");
        assert_eq!(status.annotations["note"], "kept");
        assert!(status.created_at > 0);
        assert!(!status.network.unwrap().ip.is_empty());

        let with_label = |value: &str| PodSandboxFilter {
            label_selector: StringMap::from([("pod".to_owned(), value.to_owned())]),
            ..PodSandboxFilter::default()
        };
        let found = self.runtime.list_sandboxes(with_label("life")).await.unwrap();
        assert_eq!(
            found.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(),
            [id.as_str()]
        );
        assert!(
            self.runtime
                .list_sandboxes(with_label("other"))
                .await
                .unwrap()
                .is_empty()
        );

        for _ in 0..2 {
            self.runtime.stop_sandbox(&id).await.unwrap();
            let status = self.runtime.sandbox_status(&id).await.unwrap();
            assert_eq!(status.state(), PodSandboxState::NotReady);
        }
        for _ in 0..2 {
            self.runtime.remove_sandbox(&id).await.unwrap();
        }
        assert!(
            self.runtime
                .list_sandboxes(with_label("life"))
                .await
                .unwrap()
                .is_empty()
        );
    }

    async fn containers_run_and_end(&self) {
        let sandbox = self.run_sandbox("ends").await;
        let mut events = self.events();
        let id = self.create(&sandbox, "main", &["sleep", "1000"]).await.unwrap();
        let status = self.runtime.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::Created);
        assert_eq!(status.labels["container"], "main");
        assert_eq!(status.annotations["restarts"], "2");

        self.runtime.start_container(&id).await.unwrap();
        let status = self.runtime.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::Running);
        assert!(status.started_at > 0);
        assert_eq!(status.metadata.unwrap().attempt, 2);

        let running = ContainerFilter {
            pod_sandbox_id: sandbox.clone(),
            state: Some(ContainerStateValue {
                state: ContainerState::Running as i32,
            }),
            ..ContainerFilter::default()
        };
        assert_eq!(
            self.runtime.list_containers(running.clone()).await.unwrap().len(),
            1
        );
        self.runtime.stop_container(&id, Duration::ZERO).await.unwrap();
        let status = self.ended(&id, &mut events).await;
        assert_eq!(status.exit_code, 137);
        assert!(status.finished_at >= status.started_at);
        assert!(self.runtime.list_containers(running).await.unwrap().is_empty());
        for _ in 0..2 {
            self.runtime.stop_container(&id, Duration::ZERO).await.unwrap();
        }
        for _ in 0..2 {
            self.runtime.remove_container(&id).await.unwrap();
        }

        for (command, code, reason) in [
            (&["true"][..], 0, "Completed"),
            (&["sh", "-c", "exit 3"], 3, "Error"),
        ] {
            let id = self.start(&sandbox, "short", command).await;
            let status = self.ended(&id, &mut events).await;
            assert_eq!((status.exit_code, status.reason.as_str()), (code, reason));
            self.runtime.remove_container(&id).await.unwrap();
        }
        self.runtime.remove_sandbox(&sandbox).await.unwrap();
    }

    async fn stopping_a_sandbox_ends_its_containers(&self) {
        let sandbox = self.run_sandbox("group").await;
        let mut events = self.events();
        let first = self.start(&sandbox, "first", &["sleep", "1000"]).await;
        self.runtime.stop_sandbox(&sandbox).await.unwrap();
        self.ended(&first, &mut events).await;
        self.runtime.remove_sandbox(&sandbox).await.unwrap();
        assert!(
            self.runtime
                .container_status(&first)
                .await
                .unwrap_err()
                .is_not_found()
        );
    }

    async fn what_is_gone_is_not_found(&self) {
        let sandbox = self.runtime.sandbox_status("no-such-sandbox").await.unwrap_err();
        assert!(sandbox.is_not_found(), "{sandbox}");
        let container = self
            .runtime
            .container_status("no-such-container")
            .await
            .unwrap_err();
        assert!(container.is_not_found(), "{container}");
        let made = self
            .create("no-such-sandbox", "main", &["true"])
            .await
            .unwrap_err();
        assert!(made.is_not_found(), "{made}");
        self.runtime.stop_sandbox("no-such-sandbox").await.unwrap();
        self.runtime.remove_container("no-such-container").await.unwrap();
    }

    async fn events_tell_of_starts_and_ends(&self) {
        let sandbox = self.run_sandbox("events").await;
        let mut events = self.events();
        let id = self.start(&sandbox, "main", &["sleep", "1000"]).await;
        expect_event(&mut events, &id, EventKind::Started).await;
        self.runtime.stop_container(&id, Duration::ZERO).await.unwrap();
        expect_event(&mut events, &id, EventKind::Exited).await;
        self.runtime.remove_sandbox(&sandbox).await.unwrap();
    }

    async fn commands_run_in_containers(&self) {
        let sandbox = self.run_sandbox("exec").await;
        let id = self.start(&sandbox, "main", &["sleep", "1000"]).await;
        let run = async |words: &[&str]| {
            let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            self.runtime
                .exec_sync(&id, &command, Duration::from_secs(10))
                .await
                .unwrap()
        };
        assert_eq!(run(&["echo", "hello"]).await.stdout, "hello\n");
        assert_eq!(run(&["sh", "-c", "exit 7"]).await.exit_code, 7);
        let request = ExecRequest {
            container_id: id.clone(),
            cmd: vec!["true".to_owned()],
            stdout: true,
            ..ExecRequest::default()
        };
        assert!(
            self.runtime
                .exec(request)
                .await
                .unwrap()
                .starts_with("http://127.0.0.1:")
        );
        let url = self.runtime.port_forward(&sandbox, &[]).await.unwrap();
        assert!(url.starts_with("http://127.0.0.1:"));
        self.runtime.remove_sandbox(&sandbox).await.unwrap();
    }

    async fn images_are_found_by_name_and_id(&self) {
        let by_name = self
            .runtime
            .image_status(BUSYBOX)
            .await
            .unwrap()
            .expect("the image is here");
        let by_id = self.runtime.image_status(&by_name.id).await.unwrap();
        assert_eq!(by_id.map(|image| image.id), Some(by_name.id.clone()));
        let all = self.runtime.list_images().await.unwrap();
        assert!(all.iter().any(|image| image.id == by_name.id));
        assert_eq!(
            self.runtime.image_status("localhost/missing:1").await.unwrap(),
            None
        );
    }
}

type Events = BoxStream<'static, Result<RuntimeEvent>>;

async fn expect_event(events: &mut Events, id: &str, kind: EventKind) {
    let wanted = RuntimeEvent {
        container_id: id.to_owned(),
        kind,
    };
    timeout(PATIENCE, async {
        while let Some(event) = events.next().await {
            if event.unwrap() == wanted {
                return;
            }
        }
        panic!("events ended");
    })
    .await
    .expect("the event comes");
}
