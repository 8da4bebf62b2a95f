//! NodeRestriction: a kubelet writes its own node, its own pods, and what belongs to them.

mod claims;
mod labels;
mod node;
mod pod;
mod token;

use std::sync::Arc;

use async_trait::async_trait;
use meta::Status;
use registry::{AdmissionRequest, Operation};

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::resources::{
    CLAIMS, CSI_NODES, LEASES, NODES, PODS, RESOURCE_SLICES, SERVICE_ACCOUNTS, SIGNING_REQUESTS,
};
use crate::request::{Request, text};

/// Where kubelets keep the leases by which they are known to live.
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// The plugin.
pub(crate) struct NodeRestriction {
    pub(crate) cluster: Arc<dyn Cluster>,
}

#[async_trait]
impl Plugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let Some(node) = request.context.user.as_node() else {
            return Ok(());
        };
        if node.is_empty() {
            let user = &request.context.user.name;
            return Err(request.forbidden(format_args!("could not determine node from user {user:?}")));
        }
        if request.is_for(&NODES, "") || request.is_for(&NODES, "status") {
            return node::admit(request, node);
        }
        if request.is_for(&PODS, "") || request.is_for(&PODS, "status") || request.is_for(&PODS, "eviction") {
            return pod::admit(request, node, &*self.cluster).await;
        }
        if request.is_for(&SERVICE_ACCOUNTS, "token") {
            return token::admit(request, node, &*self.cluster).await;
        }
        if request.is_for(&CLAIMS, "status") {
            return claims::admit(request, node);
        }
        if request.is_for(&LEASES, "") {
            return lease(request, node);
        }
        if request.is_for(&CSI_NODES, "") {
            return csi_node(request, node);
        }
        if request.is_for(&RESOURCE_SLICES, "") {
            return resource_slice(request, node);
        }
        if request.creates(&SIGNING_REQUESTS) {
            return signing_request(request, node);
        }
        Ok(())
    }
}

/// A node's lease has the node's name.
fn lease(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    if request.namespace != LEASE_NAMESPACE {
        let why = format_args!("can only access leases in the {LEASE_NAMESPACE:?} system namespace");
        return Err(request.forbidden(why));
    }
    own_name(
        request,
        node,
        "can only access node lease with the same name as the requesting node",
    )
}

fn csi_node(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    own_name(
        request,
        node,
        "can only access CSINode with the same name as the requesting node",
    )
}

fn own_name(request: &AdmissionRequest<'_>, node: &str, why: &str) -> Result<(), Status> {
    let name = match request.operation {
        Operation::Create => text(request.proposed(), "/metadata/name"),
        _ => request.name,
    };
    if name == node {
        return Ok(());
    }
    Err(request.forbidden(why))
}

/// A node publishes its own devices only.
fn resource_slice(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    let object = if request.operation == Operation::Create {
        request.proposed()
    } else {
        request.existing()
    };
    if text(object, "/spec/nodeName") == node {
        return Ok(());
    }
    let why = match request.operation {
        Operation::Create => "can only create ResourceSlice with the same NodeName as the requesting node",
        _ => "can only delete ResourceSlice with the same NodeName as the requesting node",
    };
    Err(request.forbidden(why))
}

/// A certificate for kubelets is asked for by the kubelet itself: its subject is the node.
fn signing_request(request: &AdmissionRequest<'_>, node: &str) -> Result<(), Status> {
    const KUBELET_SIGNERS: [&str; 2] = [
        "kubernetes.io/kube-apiserver-client-kubelet",
        "kubernetes.io/kubelet-serving",
    ];
    if !KUBELET_SIGNERS.contains(&text(request.proposed(), "/spec/signerName")) {
        return Ok(());
    }
    let subject = crate::signing_request::subject(request.proposed())
        .ok_or_else(|| request.forbidden("unable to parse csr"))?;
    let wanted = format!("system:node:{node}");
    if subject.common_name == wanted {
        return Ok(());
    }
    Err(request.forbidden(format_args!(
        "can only create a node CSR with CN={wanted}, got CN={}",
        subject.common_name
    )))
}

#[cfg(test)]
mod tests;
