//! What the runtime has of one pod, asked for and put into our words.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::container::termination::last_words;
use crate::cri::message::{
    Container, ContainerFilter, ContainerState, ContainerStatus, PodSandbox, PodSandboxFilter,
    PodSandboxState, PodSandboxStatus,
};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::plan::{Exit, Instance, InstanceState, InstanceUser, Observed, Sandbox};
use crate::pod::{ContainerNote, PodLabels, label};

/// Looks at one pod. What cannot change any more is not asked for again.
#[derive(Default)]
pub struct Observer {
    /// Containers that have ended, by id.
    ended: HashMap<String, Instance>,
    /// The addresses of sandboxes, by id.
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl Observer {
    /// Asks for everything of a pod.
    pub async fn look(
        &mut self,
        runtime: &dyn ContainerRuntime,
        uid: &str,
    ) -> Result<Observed, RuntimeError> {
        let labels = PodLabels::of_uid(uid);
        let filter = PodSandboxFilter {
            label_selector: labels.clone(),
            ..PodSandboxFilter::default()
        };
        let sandboxes = runtime.list_sandboxes(filter).await?;
        let filter = ContainerFilter {
            label_selector: labels,
            ..ContainerFilter::default()
        };
        let containers = runtime.list_containers(filter).await?;
        let mut observed = Observed::default();
        for sandbox in sandboxes {
            if let Some(sandbox) = self.sandbox(runtime, sandbox).await? {
                observed.sandboxes.push(sandbox);
            }
        }
        for container in containers {
            if let Some(instance) = self.instance(runtime, container).await? {
                observed.containers.push(instance);
            }
        }
        observed.sort();
        self.forget_others(&observed);
        Ok(observed)
    }

    fn forget_others(&mut self, observed: &Observed) {
        self.ended
            .retain(|id, _| observed.containers.iter().any(|instance| instance.id == *id));
        self.addresses
            .retain(|id, _| observed.sandboxes.iter().any(|sandbox| sandbox.id == *id));
    }

    async fn sandbox(
        &mut self,
        runtime: &dyn ContainerRuntime,
        found: PodSandbox,
    ) -> Result<Option<Sandbox>, RuntimeError> {
        let ready = found.state() == PodSandboxState::Ready;
        let ips = match self.addresses.get(&found.id) {
            Some(ips) => ips.clone(),
            None if !ready => Vec::new(),
            None => {
                let Some(status) = present(runtime.sandbox_status(&found.id).await)? else {
                    return Ok(None);
                };
                let ips = addresses(&status);
                self.addresses.insert(found.id.clone(), ips.clone());
                ips
            }
        };
        Ok(Some(Sandbox {
            attempt: found.metadata.map_or(0, |metadata| metadata.attempt),
            created_at: time(found.created_at),
            id: found.id,
            ready,
            ips,
        }))
    }

    async fn instance(
        &mut self,
        runtime: &dyn ContainerRuntime,
        found: Container,
    ) -> Result<Option<Instance>, RuntimeError> {
        if let Some(ended) = self.ended.get(&found.id) {
            return Ok(Some(ended.clone()));
        }
        let Some(status) = present(runtime.container_status(&found.id).await)? else {
            return Ok(None);
        };
        let instance = instance(&found, &status);
        if instance.exit().is_some() {
            self.ended.insert(found.id, instance.clone());
        }
        Ok(Some(instance))
    }
}

/// What is gone since it was listed is none.
fn present<T>(answer: Result<T, RuntimeError>) -> Result<Option<T>, RuntimeError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn addresses(status: &PodSandboxStatus) -> Vec<IpAddr> {
    let network = status.network.iter();
    let all = network.flat_map(|network| {
        std::iter::once(&network.ip).chain(network.additional_ips.iter().map(|ip| &ip.ip))
    });
    all.filter_map(|ip| ip.parse().ok()).collect()
}

fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn instance(found: &Container, status: &ContainerStatus) -> Instance {
    let note = ContainerNote::read(&status.annotations);
    let name = found.labels.get(label::CONTAINER_NAME).cloned();
    let named = || status.metadata.as_ref().map(|metadata| metadata.name.clone());
    let image = status.image.as_ref();
    Instance {
        id: found.id.clone(),
        name: name.or_else(named).unwrap_or_default(),
        sandbox_id: found.pod_sandbox_id.clone(),
        restart_count: note.restart_count,
        hash: note.hash,
        created_at: time(status.created_at),
        state: state(status),
        image: image.map(|image| image.image.clone()).unwrap_or_default(),
        image_id: status.image_ref.clone(),
        log_path: status.log_path.clone(),
        user: status
            .user
            .as_ref()
            .and_then(|user| user.linux.as_ref())
            .map(|linux| InstanceUser {
                uid: linux.uid,
                gid: linux.gid,
                groups: linux.supplemental_groups.clone(),
            }),
    }
}

fn state(status: &ContainerStatus) -> InstanceState {
    match status.state() {
        ContainerState::Created => InstanceState::Created,
        ContainerState::Running => InstanceState::Running {
            started_at: time(status.started_at),
        },
        ContainerState::Unknown => InstanceState::Unknown,
        ContainerState::Exited => InstanceState::Exited(Exit {
            code: status.exit_code,
            reason: status.reason.clone(),
            message: last_words(status),
            started_at: (status.started_at > 0).then(|| time(status.started_at)),
            finished_at: time(status.finished_at),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cri::fake::FakeRuntime;
    use crate::cri::message::{
        ContainerConfig, ContainerMetadata, ImageSpec, PodSandboxConfig, PodSandboxMetadata,
    };

    fn labels(uid: &str) -> PodLabels {
        PodLabels {
            namespace: "n".to_owned(),
            name: "p".to_owned(),
            uid: uid.to_owned(),
        }
    }

    async fn sandbox(runtime: &FakeRuntime, uid: &str, attempt: u32) -> (String, PodSandboxConfig) {
        let config = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                attempt,
                ..PodSandboxMetadata::default()
            }),
            labels: labels(uid).write(),
            ..PodSandboxConfig::default()
        };
        (runtime.run_sandbox(&config, "").await.unwrap(), config)
    }

    async fn container(
        runtime: &FakeRuntime,
        uid: &str,
        sandbox: &str,
        config: &PodSandboxConfig,
        count: u32,
    ) -> String {
        let note = ContainerNote {
            hash: "h".to_owned(),
            restart_count: count,
            ..ContainerNote::default()
        };
        let mut own = labels(uid).write();
        own.insert(label::CONTAINER_NAME.to_owned(), "c".to_owned());
        let container = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: "c".to_owned(),
                attempt: count,
            }),
            image: Some(ImageSpec::new("a")),
            labels: own,
            annotations: note.write(),
            ..ContainerConfig::default()
        };
        let id = runtime
            .create_container(sandbox, &container, config)
            .await
            .unwrap();
        runtime.start_container(&id).await.unwrap();
        id
    }

    #[tokio::test]
    async fn everything_of_a_pod_is_seen_and_nothing_of_another() {
        let runtime = FakeRuntime::new(&["a"]);
        let mut observer = Observer::default();
        assert_eq!(observer.look(&runtime, "u1").await.unwrap(), Observed::default());
        let (first, config) = sandbox(&runtime, "u1", 0).await;
        let (other, other_config) = sandbox(&runtime, "u2", 0).await;
        let one = container(&runtime, "u1", &first, &config, 0).await;
        container(&runtime, "u2", &other, &other_config, 0).await;
        runtime.exit(&one, 3);
        let two = container(&runtime, "u1", &first, &config, 1).await;

        let seen = observer.look(&runtime, "u1").await.unwrap();
        assert_eq!(seen.current_sandbox().unwrap().ips.len(), 1);
        let ids: Vec<&str> = seen
            .containers
            .iter()
            .map(|instance| instance.id.as_str())
            .collect();
        assert_eq!(ids, [&two, &one]);
        assert!(seen.containers[0].is_running());
        assert_eq!(
            (seen.containers[0].restart_count, seen.containers[0].hash.as_str()),
            (1, "h")
        );
        assert_eq!(seen.containers[1].exit().unwrap().code, 3);

        // Addresses stay known when the sandbox has ended.
        runtime.stop_sandbox(&first).await.unwrap();
        let after = observer.look(&runtime, "u1").await.unwrap();
        assert_eq!(after.current_sandbox(), None);
        assert_eq!(after.sandboxes[0].ips, seen.sandboxes[0].ips);
        assert!(!after.any_running());
    }
}
