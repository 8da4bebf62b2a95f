//! What a kubelet may do to pods: mirror its static pods, report on the pods it runs, and remove or evict them.

use meta::Status;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::pod::{MIRROR_ANNOTATION, containers};
use crate::request::resources::{NODES, PODS};
use crate::request::{Request, annotation, items, text};

pub(super) async fn admit(
    request: &AdmissionRequest<'_>,
    node: &str,
    cluster: &dyn Cluster,
) -> Result<(), Status> {
    match (request.operation, request.subresource) {
        (Operation::Create, "") => create(request, node, cluster).await,
        (Operation::Delete, "") => {
            let why = format!("node {node:?} can only delete pods with spec.nodeName set to itself");
            runs_here(request, request.existing(), node, why)
        }
        (Operation::Update, "status") => status(request, node),
        (Operation::Create, "eviction") => eviction(request, node, cluster).await,
        (operation, "") => Err(request.forbidden(format_args!(
            "unexpected operation {:?}, node {node:?} can only create and delete mirror pods",
            operation.as_str()
        ))),
        (operation, subresource) => Err(request.forbidden(format_args!(
            "unexpected operation {:?} on pods/{subresource}",
            operation.as_str()
        ))),
    }
}

fn runs_here(request: &AdmissionRequest<'_>, pod: &Value, node: &str, why: String) -> Result<(), Status> {
    if text(pod, "/spec/nodeName") == node {
        return Ok(());
    }
    Err(request.forbidden(why))
}

/// The only pods a kubelet makes are mirrors of static pods, owned by its node, which depend on nothing in the API.
async fn create(request: &AdmissionRequest<'_>, node: &str, cluster: &dyn Cluster) -> Result<(), Status> {
    let pod = request.proposed();
    if annotation(pod, MIRROR_ANNOTATION).is_none() {
        return Err(request.forbidden(format_args!(
            "pod does not have {MIRROR_ANNOTATION:?} annotation, node {node:?} can only create mirror pods"
        )));
    }
    let why = format!("node {node:?} can only create pods with spec.nodeName set to itself");
    runs_here(request, pod, node, why)?;
    owner(request, node, cluster).await?;
    depends_on_nothing(request, node)
}

async fn owner(request: &AdmissionRequest<'_>, node: &str, cluster: &dyn Cluster) -> Result<(), Status> {
    let only = |what: &str| {
        Err(request.forbidden(format_args!(
            "node {node:?} can only create pods with {what} set to itself"
        )))
    };
    let owner = match items(request.proposed(), "/metadata/ownerReferences") {
        [] => return only("an owner reference"),
        [owner] => owner,
        _ => return only("a single owner reference"),
    };
    let is_node = text(owner, "/apiVersion") == "v1" && text(owner, "/kind") == "Node";
    if !is_node || text(owner, "/name") != node {
        return only("an owner reference");
    }
    if owner["controller"].as_bool() != Some(true) {
        return only("a controller owner reference");
    }
    if owner["blockOwnerDeletion"].as_bool() == Some(true) {
        let why = format_args!("node {node:?} must not set blockOwnerDeletion on an owner reference");
        return Err(request.forbidden(why));
    }
    let Some(found) = cluster.get(&NODES, "", node).await? else {
        return Err(Status::not_found(&NODES.group_resource(), node));
    };
    if found.uid() != text(owner, "/uid") {
        return Err(request.forbidden(format_args!(
            "node {node} UID mismatch: expected {} got {}",
            text(owner, "/uid"),
            found.uid()
        )));
    }
    Ok(())
}

fn depends_on_nothing(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    let pod = request.proposed();
    let refuse = |what: &str| {
        Err(request.forbidden(format_args!(
            "node {node:?} can not create pods that reference {what}"
        )))
    };
    if !text(pod, "/spec/serviceAccountName").is_empty() {
        return refuse("a service account");
    }
    let volumes = items(pod, "/spec/volumes");
    let sources = volumes.iter().flat_map(|volume| {
        let projected = items(volume, "/projected/sources").iter();
        projected.chain([volume])
    });
    for source in sources {
        for (field, what) in [("secret", "secrets"), ("configMap", "configmaps")] {
            if !source[field].is_null() {
                return refuse(what);
            }
        }
        if !source["persistentVolumeClaim"].is_null() {
            return refuse("persistentvolumeclaims");
        }
        if !source["ephemeral"].is_null() {
            return refuse("a persistentvolumeclaim");
        }
        if !source["serviceAccountToken"].is_null() {
            return refuse("a service account token");
        }
    }
    let environment = containers(pod).flat_map(|(_, container)| {
        let variables = items(container, "/env")
            .iter()
            .map(|variable| &variable["valueFrom"]);
        variables.chain(items(container, "/envFrom"))
    });
    for source in environment {
        let refers = |fields: [&str; 2]| fields.into_iter().any(|field| !source[field].is_null());
        if refers(["secretKeyRef", "secretRef"]) {
            return refuse("secrets");
        }
        if refers(["configMapKeyRef", "configMapRef"]) {
            return refuse("configmaps");
        }
    }
    if !items(pod, "/spec/resourceClaims").is_empty() {
        return refuse("resourceclaims");
    }
    Ok(())
}

fn status(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    let why = format!("node {node:?} can only update pod status for pods with spec.nodeName set to itself");
    runs_here(request, request.existing(), node, why)?;
    let differs = |field: &str| {
        let of = |pod: &Value| pod.pointer(field).cloned();
        of(request.proposed()) != of(request.existing())
    };
    if differs("/metadata/labels") {
        return Err(request.forbidden(format_args!(
            "node {node:?} cannot update labels through pod status"
        )));
    }
    if differs("/status/resourceClaimStatuses") {
        let why = format_args!("node {node:?} cannot update resource claim statuses");
        return Err(request.forbidden(why));
    }
    if differs("/status/extendedResourceClaimStatus") {
        let why = format_args!("node {node:?} cannot update extended resource claim status");
        return Err(request.forbidden(why));
    }
    Ok(())
}

async fn eviction(request: &AdmissionRequest<'_>, node: &str, cluster: &dyn Cluster) -> Result<(), Status> {
    let named = text(request.proposed(), "/metadata/name");
    let name = if request.name.is_empty() {
        named
    } else {
        request.name
    };
    if name.is_empty() {
        return Err(request.forbidden("could not determine pod from request data"));
    }
    let pod = cluster.get(&PODS, request.namespace, name).await?;
    let pod = pod.ok_or_else(|| Status::not_found(&PODS.group_resource(), name))?;
    let why = format!("node {node} can only evict pods with spec.nodeName set to itself");
    runs_here(request, &pod.tree(), node, why)
}
