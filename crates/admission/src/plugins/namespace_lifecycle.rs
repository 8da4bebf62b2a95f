//! NamespaceLifecycle: nothing is made in a namespace that is not there or is going, and some namespaces never go.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use meta::status::Cause;
use meta::{GroupResource, Status};
use registry::{AdmissionRequest, Object, Operation};
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::resources::NAMESPACES;

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// The plugin.
pub(crate) struct NamespaceLifecycle {
    pub(crate) cluster: Arc<dyn Cluster>,
}

#[async_trait]
impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let deletes = request.operation == Operation::Delete;
        if deletes && request.is_for(&NAMESPACES, "") && IMMORTAL.contains(&request.name) {
            return Err(request.forbidden("this namespace may not be deleted"));
        }
        // Deletions are never held up, and to ask what one may do harms nobody.
        if deletes || request.namespace.is_empty() || request.resource.resource == "localsubjectaccessreviews"
        {
            return Ok(());
        }
        let name = request.namespace;
        let Some(namespace) = self.cluster.get(&NAMESPACES, "", name).await? else {
            return Err(Status::not_found(&GroupResource::new("", "namespaces"), name));
        };
        if request.operation == Operation::Create && is_terminating(&namespace) {
            return Err(terminating(request));
        }
        Ok(())
    }
}

/// What is looked at of a namespace.
#[derive(Deserialize)]
struct Namespace<'a> {
    #[serde(borrow)]
    status: Option<NamespaceStatus<'a>>,
}

#[derive(Deserialize)]
struct NamespaceStatus<'a> {
    #[serde(borrow)]
    phase: Option<Cow<'a, str>>,
}

fn is_terminating(namespace: &Object) -> bool {
    let read: Option<Namespace<'_>> = namespace.read();
    let phase = read
        .and_then(|namespace| namespace.status)
        .and_then(|status| status.phase);
    phase.is_some_and(|phase| phase == "Terminating")
}

/// 403 with the cause by which controllers know that trying again is in vain.
fn terminating(request: &AdmissionRequest<'_>) -> Status {
    let name = request.namespace;
    let why = format!("unable to create new content in namespace {name} because it is being terminated");
    let mut status = request.forbidden(why);
    if let Some(details) = &mut status.details {
        details.causes.push(Cause {
            reason: String::from("NamespaceTerminating"),
            message: format!("namespace {name} is being terminated"),
            field: String::from("metadata.namespace"),
        });
    }
    status
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::resources::PODS;
    use crate::testing::{FakeCluster, Write};

    #[tokio::test]
    async fn namespaces_hold_their_objects() {
        let namespace =
            |name: &str, phase: &str| json!({"metadata": {"name": name}, "status": {"phase": phase}});
        let cluster = FakeCluster::default()
            .with(&NAMESPACES, namespace("here", "Active"))
            .with(&NAMESPACES, namespace("going", "Terminating"));
        let plugin = NamespaceLifecycle {
            cluster: cluster.shared(),
        };
        let pod = |namespace: &str| json!({"metadata": {"name": "p", "namespace": namespace}});
        let going = "pods \"p\" is forbidden: unable to create new content in namespace going because it is being terminated";
        let missing = "namespaces \"none\" not found";
        let cases = [
            (Write::create(&PODS, pod("here")), None),
            (Write::create(&PODS, pod("going")), Some(going)),
            (Write::create(&PODS, pod("none")), Some(missing)),
            (Write::update(&PODS, pod("going"), pod("going")), None),
            (Write::update(&PODS, pod("none"), pod("none")), Some(missing)),
            (Write::delete(&PODS, pod("none")), None),
            (Write::delete(&NAMESPACES, namespace("here", "Active")), None),
            (
                Write::delete(&NAMESPACES, namespace("default", "Active")),
                Some("namespaces \"default\" is forbidden: this namespace may not be deleted"),
            ),
        ];
        for (write, expected) in cases {
            assert_eq!(write.through(&plugin).await.err().as_deref(), expected);
        }
    }
}
