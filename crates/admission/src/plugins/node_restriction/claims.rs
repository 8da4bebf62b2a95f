//! What a kubelet may do to claims: report on how far they have grown.

use meta::Status;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::request::Request;

/// The fields of a claim's status that tell of its growth.
const GROWTH: [&str; 6] = [
    "allocatedResources",
    "allocatedResourceStatuses",
    "capacity",
    "conditions",
    "currentVolumeAttributesClassName",
    "modifyVolumeStatus",
];

pub(super) fn admit(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    if request.operation != Operation::Update {
        return Err(request.forbidden(format_args!(
            "unexpected operation {:?}",
            request.operation.as_str()
        )));
    }
    if without_growth(request.proposed()) == without_growth(request.existing()) {
        return Ok(());
    }
    let why = format_args!(
        "node {node:?} is not allowed to update fields other than status.quantity and status.conditions of a \
         persistentvolumeclaim"
    );
    Err(request.forbidden(why))
}

fn without_growth(claim: &Value) -> Value {
    let mut claim = claim.clone();
    if let Some(status) = claim["status"].as_object_mut() {
        status.retain(|field, _| !GROWTH.contains(&field.as_str()));
    }
    if let Some(metadata) = claim["metadata"].as_object_mut() {
        metadata.retain(|field, _| !["managedFields", "resourceVersion"].contains(&field.as_str()));
    }
    claim
}
