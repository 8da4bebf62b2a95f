//! PersistentVolumeClaimResize: a claim grows only if its storage class can make it grow.

use std::sync::Arc;

use async_trait::async_trait;
use meta::{Quantity, Status};
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::resources::{CLAIMS, STORAGE_CLASSES};
use crate::request::{Request, annotation, text};

/// The plugin.
pub(crate) struct PersistentVolumeClaimResize {
    pub(crate) cluster: Arc<dyn Cluster>,
}

impl PersistentVolumeClaimResize {
    async fn may_grow(&self, claim: &Value) -> Result<bool, Status> {
        let old_way = annotation(claim, "volume.beta.kubernetes.io/storage-class");
        let class = old_way.unwrap_or_else(|| text(claim, "/spec/storageClassName"));
        if class.is_empty() {
            return Ok(false);
        }
        let class = self.cluster.get(&STORAGE_CLASSES, "", class).await?;
        Ok(class.is_some_and(|class| class.tree()["allowVolumeExpansion"].as_bool() == Some(true)))
    }
}

#[async_trait]
impl Plugin for PersistentVolumeClaimResize {
    fn name(&self) -> &'static str {
        "PersistentVolumeClaimResize"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if request.operation != Operation::Update || !request.is_for(&CLAIMS, "") {
            return Ok(());
        }
        let (new, old) = (request.proposed(), request.existing());
        if requested(new) <= requested(old) {
            return Ok(());
        }
        if text(old, "/status/phase") != "Bound" {
            return Err(request.forbidden("Only bound persistent volume claims can be expanded"));
        }
        if !self.may_grow(new).await? {
            return Err(request.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support \
                 resize",
            ));
        }
        Ok(())
    }
}

fn requested(claim: &Value) -> Option<Quantity> {
    text(claim, "/spec/resources/requests/storage").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    #[tokio::test]
    async fn claims_grow_where_their_class_allows() {
        let class =
            |name: &str, grows: bool| json!({"metadata": {"name": name}, "allowVolumeExpansion": grows});
        let cluster = FakeCluster::default()
            .with(&STORAGE_CLASSES, class("yes", true))
            .with(&STORAGE_CLASSES, class("no", false));
        let plugin = PersistentVolumeClaimResize {
            cluster: cluster.shared(),
        };
        let claim = |class: &str, storage: &str, phase: &str| {
            json!({
                "metadata": {"name": "c"}, "status": {"phase": phase},
                "spec": {"storageClassName": class, "resources": {"requests": {"storage": storage}}},
            })
        };
        let cannot = "persistentvolumeclaims \"c\" is forbidden: only dynamically provisioned pvc can be resized and the \
                      storageclass that provisions the pvc must support resize";
        let unbound =
            "persistentvolumeclaims \"c\" is forbidden: Only bound persistent volume claims can be expanded";
        let cases = [
            ("yes", "2Gi", "Bound", None),
            ("no", "2Gi", "Bound", Some(cannot)),
            ("none", "2Gi", "Bound", Some(cannot)),
            ("", "2Gi", "Bound", Some(cannot)),
            ("no", "1024Mi", "Bound", None),
            ("no", "1Mi", "Bound", None),
            ("yes", "2Gi", "Pending", Some(unbound)),
        ];
        for (class, storage, phase, expected) in cases {
            let write = Write::update(&CLAIMS, claim(class, "1Gi", phase), claim(class, storage, phase));
            assert_eq!(
                write.through(&plugin).await.err().as_deref(),
                expected,
                "{class} {storage} {phase}"
            );
        }
    }
}
