//! Gives the containers of a pod the amounts it is granted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::task::Task;
use super::tools::Tools;
use crate::plan::{Observed, Plan, later};
use crate::pod::PodToRun;
use crate::resize::{Given, Grant, InProgress, resize_message};

/// The pause before a change that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Containers that run and are to have other amounts.
pub struct Resize {
    pub pod: Arc<PodToRun>,
    /// The pod with the amounts its containers had before.
    pub before: Arc<PodToRun>,
    /// In this order.
    pub containers: Vec<ToResize>,
}

pub struct ToResize {
    pub name: String,
    pub id: String,
    pub has: Given,
    pub wants: Given,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Resized {
    /// What containers have now, by id.
    pub given: BTreeMap<String, Given>,
    pub error: Option<String>,
}

impl Task {
    /// The wish may say why the pod does not get what it asks for.
    pub fn take_deferred(&mut self) {
        let deferred = self.wish.deferred.as_ref().map(|deferred| deferred.why.clone());
        let before = std::mem::replace(&mut self.memory.resizing.deferred, deferred);
        let (Some(wish), Some(now)) = (&self.wish.deferred, &self.memory.resizing.deferred) else {
            return;
        };
        if before.is_none_or(|before| before.generation != now.generation) {
            let message = resize_message("Pod resize Deferred", &wish.asked, now.generation, &now.message);
            self.tools.voice.warn(&self.pod, "ResizeDeferred", message);
        }
    }

    /// The pod may be granted other amounts than before.
    pub fn take_grant(&mut self, before: &PodToRun) {
        let was_known = before.object().spec.is_some();
        if !was_known || Grant::asked(before.object()) == Grant::asked(self.pod.object()) {
            return;
        }
        let generation = self.pod.object().metadata.generation;
        self.memory.resizing.in_progress = Some(InProgress {
            generation,
            error: None,
        });
        self.memory.resizing.retry_at = None;
        self.tell_resize("ResizeStarted", "Pod resize started", generation);
    }

    fn tell_resize(&self, reason: &str, what: &str, generation: Option<i64>) {
        let message = resize_message(what, self.pod.object(), generation, "");
        self.tools.voice.note(&self.pod, reason, message);
    }

    /// Keeps only what is about instances that are there.
    pub fn keep_amounts_of(&mut self, observed: &Observed) {
        let is_there = |id: &String| observed.containers.iter().any(|instance| instance.id == *id);
        self.memory.given.retain(|id, _| is_there(id));
        self.memory.stopped.retain(|id, _| is_there(id));
    }

    /// A change begins when something differs, and is complete when nothing does.
    pub fn tell_resizing(&mut self, plan: &Plan) {
        let generation = self.pod.object().metadata.generation;
        let resizing = &mut self.memory.resizing;
        if plan.resizing {
            resizing.in_progress.get_or_insert(InProgress {
                generation,
                error: None,
            });
        } else if !self.memory.busy.resizing
            && let Some(complete) = resizing.in_progress.take()
        {
            self.tell_resize("ResizeCompleted", "Pod resize completed", complete.generation);
        }
    }

    pub fn resize(&mut self, names_and_ids: Vec<(String, String)>) {
        let mut before = Grant::asked(self.pod.object());
        let mut containers = Vec::new();
        for (name, id) in names_and_ids {
            let Some(member) = self.pod.member(&name) else {
                continue;
            };
            let wants = Given::to(&self.pod, member);
            let has = self
                .memory
                .given
                .get(&id)
                .or_else(|| self.memory.made_with.get(&name));
            let has = has.cloned().unwrap_or_default();
            before.set(&name, &has);
            containers.push(ToResize { name, id, has, wants });
        }
        let before = PodToRun::new(before.applied_to(self.pod.object()));
        let resize = Resize {
            pod: self.pod.clone(),
            before: Arc::new(before),
            containers,
        };
        self.memory.busy.resizing = true;
        let tools = self.tools.clone();
        self.work
            .spawn(async move { super::done::Done::Resized(tools.resize(&resize).await) });
    }

    /// Takes in what came of it.
    pub fn resized(&mut self, resized: Resized, now: Timestamp) {
        self.memory.busy.resizing = false;
        self.memory.given.extend(resized.given);
        let resizing = &mut self.memory.resizing;
        resizing.retry_at = resized.error.is_some().then(|| later(now, RETRY));
        let Some(in_progress) = &mut resizing.in_progress else {
            return;
        };
        let is_new = in_progress.error != resized.error;
        in_progress.error = resized.error;
        if let Some(error) = in_progress.error.as_deref().filter(|_| is_new) {
            let message = resize_message(
                "Pod resize error",
                self.pod.object(),
                in_progress.generation,
                error,
            );
            self.tools.voice.warn(&self.pod, "ResizeError", message);
        }
    }
}

impl Tools {
    /// Widens what the pod may use, changes its containers, and narrows again: a container cannot have more than its pod.
    pub async fn resize(&self, resize: &Resize) -> Resized {
        let mut resized = Resized::default();
        resized.error = self.try_to_resize(resize, &mut resized.given).await.err();
        resized
    }

    async fn try_to_resize(
        &self,
        resize: &Resize,
        given: &mut BTreeMap<String, Given>,
    ) -> Result<(), String> {
        let pod = &*resize.pod;
        self.refuse_too_little(resize).await?;
        let text = |error: crate::container::cgroups::CgroupError| error.to_string();
        self.cgroups.widen_pod(&resize.before, pod).map_err(text)?;
        for container in &resize.containers {
            let Some(member) = pod.member(&container.name) else {
                continue;
            };
            let resources = self.builder.resources(pod, member);
            let changed = self.runtime.update_container_resources(&container.id, resources);
            changed.await.map_err(|error| error.message().to_owned())?;
            given.insert(container.id.clone(), container.wants.clone());
        }
        self.cgroups.prepare_pod(pod).map_err(text)
    }

    /// A limit of memory below what is in use would be the end of the container.
    async fn refuse_too_little(&self, resize: &Resize) -> Result<(), String> {
        let lowered = |container: &ToResize| container.has.lowers_memory_to(&container.wants);
        if resize
            .containers
            .iter()
            .all(|container| lowered(container).is_none())
        {
            return Ok(());
        }
        let stats = self.runtime.container_stats().await;
        let stats = stats.map_err(|error| format!("unable to read memory usage: {}", error.message()))?;
        let usage: BTreeMap<String, u64> = stats
            .into_iter()
            .filter_map(|stats| Some((stats.attributes?.id, stats.memory?.usage_bytes?.value)))
            .collect();
        let complaints = resize.containers.iter().filter_map(|container| {
            let limit = lowered(container)?;
            too_little(&container.name, limit, usage.get(&container.id).copied())
        });
        match meta::aggregate(complaints) {
            None => Ok(()),
            Some(complaints) => Err(format!("cannot decrease memory limits: {complaints}")),
        }
    }
}

fn too_little(name: &str, limit: i64, usage: Option<u64>) -> Option<String> {
    let Some(usage) = usage else {
        return Some(format!("missing container {name:?} memory usage"));
    };
    let is_below = u64::try_from(limit).is_ok_and(|limit| usage >= limit);
    is_below.then(|| {
        format!("attempting to set container {name:?} memory limit ({limit}) below current usage ({usage})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays() {
        let message = "attempting to set container \"c\" memory limit (10) below current usage (10)";
        assert_eq!(too_little("c", 10, Some(10)).as_deref(), Some(message));
        assert_eq!(too_little("c", 10, Some(9)), None);
        let message = "missing container \"c\" memory usage";
        assert_eq!(too_little("c", 10, None).as_deref(), Some(message));
    }
}
