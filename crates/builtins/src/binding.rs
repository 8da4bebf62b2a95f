//! `pods/binding` and `bindings`: gives a pod its node, once, and with it what the binding carries.

use async_trait::async_trait;
use meta::field::{FieldError, Path};
use meta::{ErrorList, GroupResource, GroupVersionResource, Reason, Status, quote};
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
        if name != meta::object::name(binding) {
            return Err(Status::bad_request(
                "name in URL does not match name in Binding object",
            ));
        }
        let node = target(binding)?;
        if name.is_empty() {
            return Err(Status::bad_request("Name parameter required."));
        }
        let pods = registry
            .resource(&PODS)
            .ok_or_else(|| Status::internal("pods are not served"))?;
        let now = seconds(request.context.now);
        pods.amend(request.context, request.namespace, name, None, |pod| {
            for (what, field) in [("UID", "uid"), ("ResourceVersion", "resourceVersion")] {
                let of = |object| meta::object::metadata_str(object, field);
                let (wanted, found) = (of(binding), of(pod));
                if !wanted.is_empty() && wanted != found {
                    let problem = format!(
                        "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
                    );
                    return Err(pods.unmet(request.context, request.namespace, name, &problem));
                }
            }
            bind(pod, binding, node, &now)
        })
        .await?;
        Ok(success())
    }
}

/// The node a binding names. Upstream says what is wrong without saying that it is the client's fault.
fn target(binding: &Value) -> Result<&str, Status> {
    let mut errors = ErrorList::new();
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
    match meta::aggregate(errors) {
        None => Ok(node),
        Some(message) => Err(Status::failure(500, Reason::UNKNOWN, message)),
    }
}

/// What a binding makes of a pod.
fn bind(pod: &mut Value, binding: &Value, node: &str, now: &str) -> Result<(), Status> {
    let name = meta::object::name(pod).to_owned();
    let refused = |why: String| Status::conflict(&GroupResource::new("", "pods/binding"), &name, &why);
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
    // What it was promised it now has.
    if let Some(status) = pod.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("nominatedNodeName");
    }
    for field in ["labels", "annotations"] {
        hand_on(pod, binding, field)?;
    }
    let scheduled = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
    });
    set_condition(pod, scheduled)
}

/// Labels or annotations of a binding become the pod's.
fn hand_on(pod: &mut Value, binding: &Value, field: &str) -> Result<(), Status> {
    let given = meta::object::metadata(binding).and_then(|metadata| metadata.get(field)?.as_object());
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(());
    };
    let metadata =
        meta::object::metadata_mut(pod).ok_or_else(|| Status::internal("a pod without metadata"))?;
    let all = metadata.entry(field).or_insert_with(|| json!({}));
    if let Some(all) = all.as_object_mut() {
        all.extend(given.clone());
    }
    Ok(())
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
        bound["status"]["nominatedNodeName"] = "n".into();
        let binding = json!({"metadata": {"labels": {"zone": "a"}, "annotations": {"k": "v"}}});
        bind(&mut bound, &binding, "n", "now").unwrap();
        assert_eq!(bound["status"].get("nominatedNodeName"), None);
        assert_eq!(bound["spec"]["nodeName"], "n");
        assert_eq!(bound["metadata"]["labels"], json!({"zone": "a"}));
        assert_eq!(bound["metadata"]["annotations"], json!({"k": "v"}));
        assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    }

    #[test]
    fn a_pod_is_bound_once_and_only_if_it_is_the_one_meant() {
        let mut taken = pod();
        taken["spec"]["nodeName"] = "other".into();
        assert!(refusal(taken, json!({})).ends_with("pod p is already assigned to node \"other\""));
        let mut gated = pod();
        gated["spec"]["schedulingGates"] = json!([{ "name": "g" }]);
        assert!(refusal(gated, json!({})).contains("non-empty .spec.schedulingGates"));
    }

    #[test]
    fn a_binding_must_name_a_node() {
        let refused = target(&json!({ "target": {} })).unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (500, "target.name: Required value")
        );
        let both = target(&json!({ "target": { "kind": "Pod" } }))
            .unwrap_err()
            .message;
        assert!(
            both.starts_with("[target.kind: Unsupported value")
                && both.ends_with("target.name: Required value]")
        );
        assert_eq!(
            target(&json!({ "target": { "kind": "Node", "name": "n" } })),
            Ok("n")
        );
    }
}
