//! What controllers do with the pods they own: claim, make, delete, with word to whoever looks at the owner's events.

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{Pod as WholePod, PodTemplateSpec};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use client::k8s_openapi::{Metadata, Resource};
use client::lean::Pod;
use client::{Change, Client, DeleteOptions, EventRecorder, EventType, Informer, Patch, PatchOptions, Scope};
use futures::StreamExt;

use crate::context::{Context, ControllerError, doing};
use crate::expectations::Expectations;
use crate::key::Key;
use crate::owner::{self, Claim};

/// Pods made or deleted for one owner at the same time.
const PARALLEL_WRITES: usize = 16;

/// A kind that owns pods.
pub(crate) trait Owner: Resource + Metadata<Ty = ObjectMeta> + Sync {}
impl<K: Resource + Metadata<Ty = ObjectMeta> + Sync> Owner for K {}

/// Makes and deletes pods in a controller's name.
pub(crate) struct PodControl {
    pub(crate) client: Client,
    pub(crate) recorder: EventRecorder,
    pub(crate) expectations: Expectations,
}

impl PodControl {
    pub(crate) fn new(context: &Context, name: &str, component: &str) -> Self {
        let client = context.client(name);
        Self {
            recorder: EventRecorder::start(client.clone(), component, ""),
            client,
            expectations: Expectations::default(),
        }
    }

    /// Notes that what was expected of the owner's pods has come about.
    pub(crate) fn observe(&self, key: &Key, change: &Change<Pod>, pod: &Pod) {
        let going = change
            .new
            .as_ref()
            .is_none_or(|pod| pod.metadata.deletion_timestamp.is_some());
        if going {
            let uid = pod.metadata.uid.as_deref().unwrap_or("");
            self.expectations.deleted(&key.to_string(), uid);
        }
        if change.old.is_none() {
            self.expectations.created(&key.to_string());
        }
    }

    /// Creates a pod of the owner; it must have been expected.
    pub(crate) async fn create<K: Owner>(&self, owner: &K, pod: &WholePod) -> Result<(), ControllerError> {
        let key = Key::of(owner.metadata());
        match self.client.create(Scope::Namespace(&key.namespace), pod).await {
            Ok(created) => {
                let name = created.metadata.name.unwrap_or_default();
                let message = format!("Created pod: {name}");
                self.recorder
                    .record(owner, EventType::Normal, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) => {
                self.expectations.created(&key.to_string());
                let message = format!("Error creating: {}", said(&error));
                self.recorder
                    .record(owner, EventType::Warning, "FailedCreate", message);
                Err(doing("create a pod")(error))
            }
        }
    }

    /// Deletes a pod of the owner; it must have been expected.
    pub(crate) async fn delete<K: Owner>(&self, owner: &K, pod: &Pod) -> Result<(), ControllerError> {
        let key = Key::of(owner.metadata());
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let name = pod.metadata.name.as_deref().unwrap_or("");
        let scope = Scope::Namespace(&key.namespace);
        let result = self
            .client
            .delete::<Pod>(scope, name, &DeleteOptions::of_uid(&uid))
            .await;
        if result.is_err() {
            self.expectations.deleted(&key.to_string(), &uid);
        }
        match optional(result) {
            Ok(Some(())) => {
                let message = format!("Deleted pod: {name}");
                self.recorder
                    .record(owner, EventType::Normal, "SuccessfulDelete", message);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                let message = format!("Error deleting: {}", said(&error));
                self.recorder
                    .record(owner, EventType::Warning, "FailedDelete", message);
                Err(doing("delete a pod")(error))
            }
        }
    }

    /// The owner's pods, after adopting and releasing. Those adopted get the finalizers.
    pub(crate) async fn claim<K: Owner>(
        &self,
        pods: &Informer<Pod>,
        owner: &K,
        selector: &LabelSelector,
        finalizers: &[&str],
    ) -> Result<Vec<Arc<Pod>>, ControllerError> {
        let metadata = owner.metadata();
        let mut claimed = Vec::new();
        for pod in pods
            .store()
            .in_namespace(metadata.namespace.as_deref().unwrap_or(""))
        {
            let matches = owner::selects(selector, &pod.metadata);
            match owner::claim(metadata, &pod.metadata, matches) {
                Claim::Keep => claimed.push(pod),
                Claim::Ignore => {}
                Claim::Adopt => {
                    let mut patch = owner::adoption(&owner::controller_reference(owner), &pod.metadata);
                    if !finalizers.is_empty() {
                        patch["metadata"]["finalizers"] = finalizers.into();
                    }
                    if self.patch(&pod, &patch).await?.is_some() {
                        claimed.push(pod);
                    }
                }
                Claim::Release => {
                    let uid = metadata.uid.as_deref().unwrap_or("");
                    self.patch(&pod, &owner::release(uid, &pod.metadata)).await?;
                }
            }
        }
        Ok(claimed)
    }

    /// Patches a pod; none if it is gone.
    pub(crate) async fn patch(
        &self,
        pod: &Pod,
        patch: &serde_json::Value,
    ) -> Result<Option<Pod>, ControllerError> {
        let Key { namespace, name } = Key::of(&pod.metadata);
        let scope = Scope::Namespace(&namespace);
        let options = PatchOptions::default();
        let result = self
            .client
            .patch::<Pod>(scope, &name, Patch::Strategic(patch), &options)
            .await;
        optional(result).map_err(doing("change a pod"))
    }
}

/// Does all of that, some at a time; the first failure is what came of it.
pub(crate) async fn all<F>(work: impl Iterator<Item = F>) -> Result<(), ControllerError>
where
    F: Future<Output = Result<(), ControllerError>>,
{
    // Collected first: a lazy iterator would tie the futures to each other's lifetimes.
    let work: Vec<F> = work.collect();
    let results: Vec<_> = futures::stream::iter(work)
        .buffer_unordered(PARALLEL_WRITES)
        .collect()
        .await;
    results.into_iter().collect()
}

/// What the server said, without what we say around it.
pub(crate) fn said(error: &client::Error) -> String {
    error
        .status()
        .map_or_else(|| error.to_string(), |status| status.message.clone())
}

/// A pod of the owner's template; the server makes its name up.
pub(crate) fn pod_of<K: Owner>(owner: &K, template: &PodTemplateSpec) -> WholePod {
    let from = template.metadata.clone().unwrap_or_default();
    let metadata = owner.metadata();
    let name = metadata.name.as_deref().unwrap_or("");
    WholePod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: metadata.namespace.clone(),
            labels: from.labels,
            annotations: from.annotations,
            finalizers: from.finalizers,
            owner_references: Some(vec![owner::controller_reference(owner)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Again after the sooner of two times.
pub(crate) fn sooner(a: Option<std::time::Duration>, b: Option<std::time::Duration>) -> Outcome {
    a.into_iter().chain(b).min().map_or(Outcome::Done, Outcome::After)
}
