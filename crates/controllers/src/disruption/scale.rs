//! How many pods the controllers of some pods want.

use std::collections::HashMap;
use std::sync::Arc;

use client::error::optional;
use client::k8s_openapi::api::autoscaling::v1::Scale as ScaleObject;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use client::lean::Pod;
use http::Method;

use super::Controller;
use crate::context::{ControllerError, doing};
use crate::discovery::discover;
use crate::owner;

/// The sum of what the controllers want.
#[derive(Debug, Default)]
pub(super) struct Scale {
    pub(super) replicas: i32,
    /// Whether nothing controls one of the pods.
    pub(super) some_unmanaged: bool,
}

impl Controller {
    /// What the controllers of the pods want, each counted once.
    pub(super) async fn scale(&self, pods: &[Arc<Pod>]) -> Result<Scale, ControllerError> {
        let mut scale = Scale::default();
        let mut by_uid: HashMap<String, i32> = HashMap::new();
        for pod in pods {
            let Some(controller) = owner::controller_of(&pod.metadata) else {
                scale.some_unmanaged = true;
                continue;
            };
            let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
            let known = by_uid.contains_key(&controller.uid);
            // Pods of a deployment's sets count the deployment, whose own UID stands for all of them.
            let (uid, replicas) = match self.known_scale(namespace, controller) {
                Some(found) => found,
                None if known => continue,
                None => {
                    let name = pod.metadata.name.as_deref().unwrap_or("");
                    let asked = self.ask_scale(namespace, controller).await?.ok_or_else(|| {
                        ControllerError::Object(format!("found no controllers for pod {name:?}"))
                    })?;
                    (controller.uid.clone(), asked)
                }
            };
            by_uid.insert(uid, replicas);
        }
        scale.replicas = by_uid.values().fold(0, |sum, n| sum.saturating_add(*n));
        Ok(scale)
    }

    /// What informers tell.
    fn known_scale(&self, namespace: &str, controller: &OwnerReference) -> Option<(String, i32)> {
        let is_it = |uid: &Option<String>| uid.as_ref() == Some(&controller.uid);
        match controller.kind.as_str() {
            "ReplicaSet" => {
                let set = self.sets.store().get(namespace, &controller.name)?;
                let above = owner::controller_of(&set.metadata).filter(|owner| owner.kind == "Deployment");
                if let Some(above) = above {
                    let deployment = self.deployments.store().get(namespace, &above.name)?;
                    let replicas = deployment.spec.as_ref()?.replicas.unwrap_or(1);
                    return Some((above.uid.clone(), replicas));
                }
                let replicas = set.spec.as_ref()?.replicas.unwrap_or(1);
                is_it(&set.metadata.uid).then(|| (controller.uid.clone(), replicas))
            }
            "StatefulSet" => {
                let set = self.stateful_sets.store().get(namespace, &controller.name)?;
                let replicas = set.spec.as_ref()?.replicas.unwrap_or(1);
                is_it(&set.metadata.uid).then(|| (controller.uid.clone(), replicas))
            }
            _ => None,
        }
    }

    /// Asks the controller's own resource, whichever it is, by its scale.
    async fn ask_scale(
        &self,
        namespace: &str,
        controller: &OwnerReference,
    ) -> Result<Option<i32>, ControllerError> {
        let discovery = discover(&self.client)
            .await
            .map_err(doing("read what the server serves"))?;
        let Some(resource) = discovery.of_kind(&controller.api_version, &controller.kind) else {
            return Ok(None);
        };
        let path = format!("{}/scale", resource.object(namespace, &controller.name));
        let scale = self
            .client
            .call::<ScaleObject>(Method::GET, &path, "", None)
            .await;
        let scale = optional(scale).map_err(doing("read the scale of a controller"))?;
        Ok(scale
            .and_then(|scale| scale.spec)
            .map(|spec| spec.replicas.unwrap_or(0)))
    }
}
