//! What a kubelet may do to nodes: everything harmless to its own, nothing to others.

use meta::Status;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use super::labels::forbidden_changes;
use crate::request::{Request, text};

pub(super) fn admit(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    let (new, old) = (request.proposed(), request.existing());
    let name = if request.operation == Operation::Create {
        text(new, "/metadata/name")
    } else {
        request.name
    };
    if request.operation == Operation::Create {
        if !new["spec"]["configSource"].is_null() {
            return Err(refuse(request, node, "create pods with a non-nil configSource"));
        }
        let labels = joined(new, &Value::Null);
        if !labels.is_empty() {
            return Err(refuse(
                request,
                node,
                &format!("set the following labels: {labels}"),
            ));
        }
    }
    if name != node {
        return Err(refuse(request, node, &format!("modify node {name:?}")));
    }
    if request.operation == Operation::Update {
        return update(request, node, new, old);
    }
    Ok(())
}

fn update(request: &AdmissionRequest<'_>, node: &str, new: &Value, old: &Value) -> Result<(), Status> {
    let differs = |pointer: &str| new.pointer(pointer) != old.pointer(pointer);
    let configured = !new["spec"]["configSource"].is_null();
    if configured && differs("/spec/configSource") {
        return Err(refuse(
            request,
            node,
            "update configSource to a new non-nil configSource",
        ));
    }
    if differs("/spec/taints") {
        return Err(refuse(request, node, "modify taints"));
    }
    let labels = joined(new, old);
    if !labels.is_empty() {
        return Err(request.forbidden(format_args!("is not allowed to modify labels: {labels}")));
    }
    if differs("/metadata/ownerReferences") {
        return Err(refuse(request, node, "modify ownerReferences"));
    }
    Ok(())
}

fn joined(new: &Value, old: &Value) -> String {
    forbidden_changes(new, old)
        .into_iter()
        .collect::<Vec<_>>()
        .join(", ")
}

fn refuse(request: &AdmissionRequest<'_>, node: &str, what: &str) -> Status {
    request.forbidden(format_args!("node {node:?} is not allowed to {what}"))
}
