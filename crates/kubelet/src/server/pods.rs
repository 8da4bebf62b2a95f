//! The node's pods, as lists.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::view::NodeView;
use crate::cri::RuntimeError;
use crate::cri::message::{
    Container, ContainerFilter, ContainerState, ContainerStateValue, PodSandbox, PodSandboxFilter,
    PodSandboxState, PodSandboxStateValue,
};
use crate::pod::PodLabels;

/// The pods that are to run here.
pub fn wanted(view: &dyn NodeView) -> Value {
    list(view.pods().iter().map(|pod| item(pod)).collect())
}

/// Items of lists do not say what they are.
fn item(pod: &Pod) -> Value {
    let mut object = serde_json::to_value(pod).unwrap_or_default();
    if let Some(map) = object.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    object
}

fn list(items: Vec<Value>) -> Value {
    json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items })
}

/// How many pods and containers run here.
pub async fn count_running(view: &dyn NodeView) -> Result<(usize, usize), RuntimeError> {
    let (sandboxes, containers) = list_running(view).await?;
    Ok((sandboxes.len(), containers.len()))
}

async fn list_running(view: &dyn NodeView) -> Result<(Vec<PodSandbox>, Vec<Container>), RuntimeError> {
    let runtime = view.runtime();
    let ready = PodSandboxFilter {
        state: Some(PodSandboxStateValue {
            state: PodSandboxState::Ready as i32,
        }),
        ..PodSandboxFilter::default()
    };
    let running = ContainerFilter {
        state: Some(ContainerStateValue {
            state: ContainerState::Running as i32,
        }),
        ..ContainerFilter::default()
    };
    tokio::try_join!(runtime.list_sandboxes(ready), runtime.list_containers(running))
}

/// The pods that run here, with what the runtime knows of them.
pub async fn running(view: &dyn NodeView) -> Result<Value, RuntimeError> {
    let (sandboxes, containers) = list_running(view).await?;
    let mut of_sandbox: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for container in &containers {
        of_sandbox
            .entry(&container.pod_sandbox_id)
            .or_default()
            .push(running_container(container));
    }
    let items = sandboxes.iter().filter_map(|sandbox| {
        let pod = PodLabels::read(&sandbox.labels)?;
        let containers = of_sandbox.remove(sandbox.id.as_str()).unwrap_or_default();
        Some(json!({
            "metadata": { "name": pod.name, "namespace": pod.namespace, "uid": pod.uid },
            "spec": { "containers": containers },
            "status": {},
        }))
    });
    Ok(list(items.collect()))
}

fn running_container(container: &Container) -> Value {
    let name = container.metadata.as_ref().map_or("", |metadata| &metadata.name);
    json!({ "name": name, "image": container.image_ref, "resources": {} })
}
