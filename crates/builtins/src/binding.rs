//! `pods/binding` and `bindings`: gives a pod its node, once.

use async_trait::async_trait;
use meta::field::{FieldError, Path};
use meta::{GroupResource, GroupVersionKind, GroupVersionResource, Status, quote};
use registry::{Action, ActionRequest, Registry};
use serde_json::{Value, json};

use crate::json::{seconds, set_condition, success, text};

const PODS: GroupVersionResource = GroupVersionResource::new("", "v1", "pods");

/// Gives a pod its node.
pub struct BindPod;

#[async_trait]
impl Action for BindPod {
    async fn run(&self, request: ActionRequest<'_>, registry: &Registry) -> Result<Value, Status> {
        let binding = &request.body;
        // As a resource of its own, a binding names its pod.
        let name = match request.name {
            "" => meta::object::name(binding),
            name => name,
        };
        let node = target(binding, name)?;
        let pods = registry
            .resource(&PODS)
            .ok_or_else(|| Status::internal("pods are not served"))?;
        let now = seconds(request.context.now);
        pods.amend(request.context, request.namespace, name, |pod| {
            bind(pod, binding, node, &now)
        })
        .await?;
        Ok(success())
    }
}

/// The node a binding names.
fn target<'a>(binding: &'a Value, name: &str) -> Result<&'a str, Status> {
    let mut errors = Vec::new();
    let kind = text(binding, "/target/kind");
    if !matches!(kind, "" | "Node") {
        errors.push(FieldError::not_supported(
            &Path::new("target.kind"),
            kind,
            &["Node", "<empty>"],
        ));
    }
    let node = text(binding, "/target/name");
    if node.is_empty() {
        errors.push(FieldError::required(&Path::new("target.name"), ""));
    }
    if errors.is_empty() {
        return Ok(node);
    }
    Err(Status::invalid(
        &GroupVersionKind::new("", "v1", "Binding"),
        name,
        &errors,
    ))
}

/// What a binding makes of a pod.
fn bind(pod: &mut Value, binding: &Value, node: &str, now: &str) -> Result<(), Status> {
    let name = meta::object::name(pod).to_owned();
    let refused = |why: String| Status::conflict(&GroupResource::new("", "pods/binding"), &name, &why);
    let wanted = meta::object::uid(binding);
    if !wanted.is_empty() && wanted != meta::object::uid(pod) {
        let found = meta::object::uid(pod);
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        return Err(refused(why));
    }
    if !meta::object::metadata_str(pod, "deletionTimestamp").is_empty() {
        return Err(refused(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        )));
    }
    let assigned = text(pod, "/spec/nodeName");
    if !assigned.is_empty() {
        return Err(refused(format!(
            "pod {name} is already assigned to node {}",
            quote(assigned)
        )));
    }
    if pod
        .pointer("/spec/schedulingGates")
        .and_then(Value::as_array)
        .is_some_and(|gates| !gates.is_empty())
    {
        return Err(refused(format!("pod {name} has non-empty .spec.schedulingGates")));
    }
    pod["spec"]["nodeName"] = node.into();
    if let Some(annotations) = binding
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
    {
        let metadata =
            meta::object::metadata_mut(pod).ok_or_else(|| Status::internal("a pod without metadata"))?;
        let all = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(all) = all.as_object_mut() {
            all.extend(annotations.clone());
        }
    }
    let scheduled = json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": now });
    set_condition(pod, scheduled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({ "metadata": { "name": "p", "uid": "u" }, "spec": {}, "status": {} })
    }

    fn refusal(pod: Value, binding: Value) -> String {
        let mut pod = pod;
        bind(&mut pod, &binding, "n", "now")
            .map(|()| String::new())
            .unwrap_or_else(|status| status.message)
    }

    #[test]
    fn a_bound_pod_has_its_node_and_says_so() {
        let mut bound = pod();
        bind(&mut bound, &json!({}), "n", "now").unwrap();
        assert_eq!(bound["spec"]["nodeName"], "n");
        assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    }

    #[test]
    fn a_pod_is_bound_once_and_only_if_it_is_the_one_meant() {
        let mut taken = pod();
        taken["spec"]["nodeName"] = "other".into();
        assert!(refusal(taken, json!({})).ends_with("pod p is already assigned to node \"other\""));
        assert!(refusal(pod(), json!({ "metadata": { "uid": "x" } })).contains("UID in precondition: x"));
        let mut gated = pod();
        gated["spec"]["schedulingGates"] = json!([{ "name": "g" }]);
        assert!(refusal(gated, json!({})).contains("non-empty .spec.schedulingGates"));
    }

    #[test]
    fn a_binding_must_name_a_node() {
        assert!(
            target(&json!({ "target": {} }), "p")
                .unwrap_err()
                .message
                .contains("target.name: Required value")
        );
        assert_eq!(
            target(&json!({ "target": { "kind": "Node", "name": "n" } }), "p"),
            Ok("n")
        );
    }
}
