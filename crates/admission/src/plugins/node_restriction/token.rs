//! Which tokens a kubelet may ask for: those of the pods it runs, for audiences the pods have use for.

use std::collections::BTreeSet;

use meta::Status;
use registry::AdmissionRequest;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::request::resources::{CLAIMS, CSI_DRIVERS, PODS, VOLUMES};
use crate::request::{Request, items, text};

pub(super) async fn admit(
    request: &AdmissionRequest<'_>,
    node: &str,
    cluster: &dyn Cluster,
) -> Result<(), Status> {
    let bound_to = &request.proposed()["spec"]["boundObjectRef"];
    let is_pod = text(bound_to, "/apiVersion") == "v1" && text(bound_to, "/kind") == "Pod";
    if !is_pod || text(bound_to, "/name").is_empty() {
        return Err(request.forbidden("node requested token not bound to a pod"));
    }
    if text(bound_to, "/uid").is_empty() {
        return Err(request.forbidden("node requested token with a pod binding without a uid"));
    }
    let name = text(bound_to, "/name");
    let pod = cluster.get(&PODS, request.namespace, name).await?;
    let pod = pod.ok_or_else(|| request.forbidden(format_args!("pod {name:?} not found")))?;
    if pod.uid() != text(bound_to, "/uid") {
        return Err(request.forbidden(format_args!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been deleted \
             and then recreated",
            text(bound_to, "/uid")
        )));
    }
    let pod = pod.tree();
    if text(&pod, "/spec/nodeName") != node {
        return Err(request.forbidden("node requested token bound to a pod scheduled on a different node"));
    }
    audience(request, &pod, cluster).await
}

/// A token is for an audience that a projected volume or the driver of one of the pod's volumes asks for.
async fn audience(request: &AdmissionRequest<'_>, pod: &Value, cluster: &dyn Cluster) -> Result<(), Status> {
    let asked = items(request.proposed(), "/spec/audiences");
    let asked = match asked {
        [] => "",
        [only] => only.as_str().unwrap_or(""),
        _ => return Err(request.forbidden("node may only request 0 or 1 audiences")),
    };
    let projections = items(pod, "/spec/volumes")
        .iter()
        .flat_map(|volume| items(volume, "/projected/sources"));
    let mut tokens = projections.filter_map(|source| source.get("serviceAccountToken"));
    if tokens.any(|token| text(token, "/audience") == asked) {
        return Ok(());
    }
    let drivers = drivers(request, pod, asked, cluster).await?;
    for driver in drivers {
        let Some(driver) = cluster.get(&CSI_DRIVERS, "", &driver).await? else {
            continue;
        };
        let wanted = driver.tree();
        if items(&wanted, "/spec/tokenRequests")
            .iter()
            .any(|wanted| text(wanted, "/audience") == asked)
        {
            return Ok(());
        }
    }
    let user = &request.context.user.name;
    Err(request.forbidden(format_args!(
        "audience {asked:?} not found in pod spec volume, {user} is not authorized to request tokens for this audience"
    )))
}

/// The storage drivers behind a pod's volumes.
async fn drivers(
    request: &AdmissionRequest<'_>,
    pod: &Value,
    asked: &str,
    cluster: &dyn Cluster,
) -> Result<BTreeSet<String>, Status> {
    let failed = |why: String| request.forbidden(format_args!("error validating audience {asked:?}: {why}"));
    let mut drivers = BTreeSet::new();
    for volume in items(pod, "/spec/volumes") {
        if let Some(driver) = volume.pointer("/csi/driver").and_then(Value::as_str) {
            drivers.insert(driver.to_owned());
            continue;
        }
        let claim = if volume["ephemeral"].is_object() {
            format!("{}-{}", text(pod, "/metadata/name"), text(volume, "/name"))
        } else {
            text(volume, "/persistentVolumeClaim/claimName").to_owned()
        };
        if claim.is_empty() {
            continue;
        }
        let found = cluster.get(&CLAIMS, request.namespace, &claim).await?;
        let found = found.ok_or_else(|| failed(format!("persistentvolumeclaim {claim:?} not found")))?;
        let bound = found.tree();
        let name = text(&bound, "/spec/volumeName");
        if name.is_empty() {
            continue;
        }
        let volume = cluster.get(&VOLUMES, "", name).await?;
        let volume = volume.ok_or_else(|| failed(format!("persistentvolume {name:?} not found")))?;
        drivers.extend(
            volume
                .tree()
                .pointer("/spec/csi/driver")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
    }
    Ok(drivers)
}
