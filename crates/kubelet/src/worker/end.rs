//! The end of a pod: volumes and cgroup first, then the word to the API, then all traces.

use std::time::Duration;

use super::done::Done;
use super::task::{Stage, Task};
use super::tools::Tools;
use crate::cri::RuntimeError;
use crate::cri::message::{ContainerFilter, PodSandboxFilter};
use crate::pod::PodLabels;

/// The pause before something that could not be taken away is tried again.
const RETRY: Duration = Duration::from_secs(2);

impl Task {
    /// Takes down what only a running pod needs.
    pub fn release(&mut self) {
        self.stage = Stage::Releasing;
        let (tools, pod) = (self.tools.clone(), self.pod.clone());
        self.work.spawn(async move {
            let unmounted = tools
                .volumes
                .unmount(pod.uid())
                .await
                .map_err(|error| error.to_string());
            let removed = unmounted.and_then(|()| {
                tools
                    .cgroups
                    .remove_pod(pod.uid())
                    .map_err(|error| error.to_string())
            });
            if let Err(error) = &removed {
                tracing::warn!(pod = pod.described(), error, "pod not taken down");
                tokio::time::sleep(RETRY).await;
            }
            Done::Released(removed.is_ok())
        });
    }

    pub fn released(&mut self, done: bool) {
        if done {
            self.stage = Stage::Released;
            self.tools.room.notify_one();
        } else {
            self.release();
        }
    }

    /// Once it is released: tells the API if it waits for that, and clears up if nobody needs the rest any more.
    pub fn go_on_ending(&mut self) {
        if self.stage != Stage::Released {
            return;
        }
        if self.wish.removed {
            self.clear();
        } else if self.pod.object().metadata.deletion_timestamp.is_some() {
            self.tools.publisher.finish(self.pod.uid());
        }
    }

    fn clear(&mut self) {
        self.stage = Stage::Clearing;
        let (tools, pod) = (self.tools.clone(), self.pod.clone());
        self.work.spawn(async move {
            let cleared = match clear_runtime(&tools, pod.uid()).await {
                Ok(()) => tools.remove_files(&pod).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = &cleared {
                tracing::warn!(pod = pod.described(), error, "traces of a pod not removed");
                tokio::time::sleep(RETRY).await;
            }
            Done::Cleared(cleared.is_ok())
        });
    }

    pub fn cleared(&mut self, done: bool) {
        if done {
            self.stage = Stage::Gone;
        } else {
            self.clear();
        }
    }
}

/// Removes everything the runtime has of a pod.
async fn clear_runtime(tools: &Tools, uid: &str) -> Result<(), RuntimeError> {
    let labels = PodLabels::of_uid(uid);
    let filter = ContainerFilter {
        label_selector: labels.clone(),
        ..ContainerFilter::default()
    };
    for container in tools.runtime.list_containers(filter).await? {
        tools.runtime.remove_container(&container.id).await?;
    }
    let filter = PodSandboxFilter {
        label_selector: labels,
        ..PodSandboxFilter::default()
    };
    for sandbox in tools.runtime.list_sandboxes(filter).await? {
        tools.runtime.remove_sandbox(&sandbox.id).await?;
    }
    Ok(())
}
