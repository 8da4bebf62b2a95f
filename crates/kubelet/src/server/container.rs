//! Which container of a pod is meant.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use super::route::Target;
use super::view::NodeView;
use crate::cri::RuntimeError;
use crate::cri::message::{
    ContainerFilter, ContainerState as RuntimeState, ContainerStateValue, PodSandboxFilter, PodSandboxState,
    PodSandboxStateValue, StringMap,
};
use crate::pod::{PodLabels, label};

/// Whether a pod has a container of a name, of whatever sort.
pub fn has_container(pod: &Pod, name: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let init = spec.init_containers.iter().flatten().map(|c| &c.name);
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|c| &c.name);
    let main = spec.containers.iter().map(|c| &c.name);
    main.chain(init).chain(ephemeral).any(|found| found == name)
}

/// The id of the container whose log is meant, as the pod's status knows it: the one that runs or ended last, or the one
/// before. Why there is none is told in upstream's words.
pub fn logged_container(pod: &Pod, name: &str, previous: bool) -> Result<String, String> {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let what = format!("container {name:?} in pod {pod_name:?}");
    let status = status_of(pod, name).ok_or_else(|| format!("{what} is not available"))?;
    let before = status.last_state.as_ref().and_then(ended_id);
    if previous {
        return before
            .map(str::to_owned)
            .ok_or_else(|| format!("previous terminated {what} not found"));
    }
    let state = status.state.clone().unwrap_or_default();
    let found = if state.running.is_some() {
        status.container_id.as_deref().map(bare_id)
    } else if state.terminated.is_some() {
        // Of a container that could not be made only the one before has a log.
        ended_id(&state).or(before)
    } else if before.is_some() {
        before
    } else {
        return Err(not_started(&what, &state));
    };
    found
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| format!("{what} is terminated"))
}

fn not_started(what: &str, state: &ContainerState) -> String {
    let Some(waiting) = &state.waiting else {
        return format!("{what} is waiting to start - no logs yet");
    };
    let why = match waiting.reason.as_deref().unwrap_or_default() {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        reason => reason,
    };
    format!("{what} is waiting to start: {why}")
}

fn status_of<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|status| status.name == name)
}

fn ended_id(state: &ContainerState) -> Option<&str> {
    let id = state.terminated.as_ref()?.container_id.as_deref().map(bare_id)?;
    (!id.is_empty()).then_some(id)
}

/// `containerd://abc` is `abc` to the runtime.
fn bare_id(id: &str) -> &str {
    id.split_once("://").map_or(id, |(_, id)| id)
}

/// The pod a path means, if it is the one with that uid.
pub fn pod_of(view: &dyn NodeView, target: &Target) -> Option<std::sync::Arc<Pod>> {
    let pod = view.pod(&target.namespace, &target.pod)?;
    let is_meant = target.uid.is_none() || target.uid == pod.metadata.uid;
    is_meant.then_some(pod)
}

/// The id of a running container of a pod.
pub async fn running_container(
    view: &dyn NodeView,
    pod: &Pod,
    name: &str,
) -> Result<Option<String>, RuntimeError> {
    let mut labels = pod_labels(pod);
    labels.insert(label::CONTAINER_NAME.to_owned(), name.to_owned());
    let filter = ContainerFilter {
        label_selector: labels,
        state: Some(ContainerStateValue {
            state: RuntimeState::Running as i32,
        }),
        ..ContainerFilter::default()
    };
    let found = view.runtime().list_containers(filter).await?;
    let newest = found.into_iter().max_by_key(|container| container.created_at);
    Ok(newest.map(|container| container.id))
}

/// The id of a pod's sandbox that is up.
pub async fn running_sandbox(view: &dyn NodeView, pod: &Pod) -> Result<Option<String>, RuntimeError> {
    let filter = PodSandboxFilter {
        label_selector: pod_labels(pod),
        state: Some(PodSandboxStateValue {
            state: PodSandboxState::Ready as i32,
        }),
        ..PodSandboxFilter::default()
    };
    let found = view.runtime().list_sandboxes(filter).await?;
    let newest = found.into_iter().max_by_key(|sandbox| sandbox.created_at);
    Ok(newest.map(|sandbox| sandbox.id))
}

fn pod_labels(pod: &Pod) -> StringMap {
    PodLabels::of_uid(pod.metadata.uid.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n" },
            "spec": { "containers": [{ "name": "c" }], "initContainers": [{ "name": "i" }] },
            "status": status,
        }))
        .unwrap()
    }

    fn check(state: Value, last: Value, current: Result<&str, &str>, previous: Result<&str, &str>) {
        let pod = pod(json!({ "containerStatuses": [{
            "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "containerID": "containerd://now", "state": state, "lastState": last,
        }]}));
        for (wanted, expected) in [(false, current), (true, previous)] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(logged_container(&pod, "c", wanted), expected, "{state} {last}");
        }
    }

    #[test]
    fn logs_are_of_the_container_in_the_status() {
        let none = Err("previous terminated container \"c\" in pod \"p\" not found");
        let ended = |id: &str| json!({ "terminated": { "exitCode": 1, "containerID": id } });
        let waiting = |reason: &str| json!({ "waiting": { "reason": reason } });
        check(json!({ "running": {} }), json!({}), Ok("now"), none);
        check(
            json!({ "running": {} }),
            ended("containerd://old"),
            Ok("now"),
            Ok("old"),
        );
        check(ended("containerd://now"), json!({}), Ok("now"), none);
        check(ended(""), ended("containerd://old"), Ok("old"), Ok("old"));
        check(
            ended(""),
            json!({}),
            Err("container \"c\" in pod \"p\" is terminated"),
            none,
        );
        check(
            waiting("CrashLoopBackOff"),
            ended("containerd://old"),
            Ok("old"),
            Ok("old"),
        );
        let start = "container \"c\" in pod \"p\" is waiting to start";
        for (reason, why) in [
            ("ContainerCreating", "ContainerCreating"),
            ("ErrImagePull", "image can't be pulled"),
            ("ImagePullBackOff", "trying and failing to pull image"),
        ] {
            let text = format!("{start}: {why}");
            check(waiting(reason), json!({}), Err(&text), none);
        }
        check(json!({}), json!({}), Err(&format!("{start} - no logs yet")), none);
    }

    #[test]
    fn containers_without_a_status_are_not_available() {
        let pod = pod(json!({}));
        assert!(has_container(&pod, "c") && has_container(&pod, "i") && !has_container(&pod, "x"));
        assert_eq!(
            logged_container(&pod, "c", false),
            Err("container \"c\" in pod \"p\" is not available".to_owned())
        );
    }
}
