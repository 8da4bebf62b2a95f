//! Namespaces: when one is deleted, all that is in it goes first.

mod content;
mod status;

use std::sync::Arc;

use client::controller::Outcome;
use client::k8s_openapi::api::core::v1::Namespace;
use client::lean::Pod;
use client::{Client, Informer, Kind, ObjectMetadata, WorkQueue, run_workers};
use http::Method;

use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "namespace-controller";
const WORKERS: usize = 5;
/// The finalizer in `spec` that this controller stands for.
const FINALIZER: &str = "kubernetes";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        namespaces: context.informers().of::<Namespace>(),
    });
    let queue = WorkQueue::new();
    queue_namespaces(&controller.namespaces, &queue);
    queue_when_pods_go(&context.informers().of::<Pod>(), &queue);
    controller.namespaces.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |name| {
        controller.clone().reconcile(name)
    })
    .await;
}

/// Queues each namespace that comes or changes.
pub(crate) fn queue_namespaces(namespaces: &Informer<Namespace>, queue: &WorkQueue<String>) {
    let queue = queue.clone();
    namespaces.on_change(move |change| {
        if let Some(name) = change
            .new
            .as_ref()
            .and_then(|namespace| namespace.metadata.name.clone())
        {
            queue.add(name);
        }
    });
}

/// Queues the namespace of each pod that goes: pods are what takes its time to end, and what a namespace waits for.
fn queue_when_pods_go(pods: &Informer<Pod>, queue: &WorkQueue<String>) {
    let queue = queue.clone();
    pods.on_change(move |change| {
        let gone = change.old.as_ref().filter(|_| change.new.is_none());
        if let Some(namespace) = gone.and_then(|pod| pod.metadata.namespace.as_deref()) {
            queue.add(namespace.to_owned());
        }
    });
}

/// Queues the namespace of each object that changes or goes.
pub(crate) fn queue_namespaces_of<K: Kind>(objects: &Informer<K>, queue: &WorkQueue<String>) {
    let queue = queue.clone();
    objects.on_change(move |change| {
        if let Some(old) = &change.old {
            queue.add(old.metadata().namespace().to_owned());
        }
    });
}

/// Whether a namespace is on its way out.
pub(crate) fn is_terminating(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_some()
}

struct Controller {
    client: Client,
    namespaces: Informer<Namespace>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, name: String) -> Result<Outcome, ControllerError> {
        let namespace = self
            .namespaces
            .store()
            .get("", &name)
            .filter(|namespace| is_terminating(namespace));
        let Some(namespace) = namespace else {
            return Ok(Outcome::Done);
        };
        let finalizers = namespace
            .spec
            .as_ref()
            .and_then(|spec| spec.finalizers.clone())
            .unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(Outcome::Done);
        }
        let left = content::delete_all(&self.client, &name).await;
        self.report(&namespace, &left).await?;
        if left.is_nothing() {
            self.finalize(&namespace, finalizers).await?;
            return Ok(Outcome::Done);
        }
        Err(ControllerError::Object(format!(
            "namespace {name:?} is not empty yet"
        )))
    }

    async fn report(&self, namespace: &Namespace, left: &content::Left) -> Result<(), ControllerError> {
        let Some(status) = status::with_conditions(namespace, left, jiff::Timestamp::now()) else {
            return Ok(());
        };
        let changed = Namespace {
            status: Some(status),
            ..namespace.clone()
        };
        match self.client.replace_status(&changed).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => {
                Err(doing("report what is left in a namespace")(error))
            }
            _ => Ok(()),
        }
    }

    /// Takes our finalizer away; the server removes the namespace with the last one.
    async fn finalize(&self, namespace: &Namespace, finalizers: Vec<String>) -> Result<(), ControllerError> {
        let name = namespace.metadata.name.as_deref().unwrap_or("");
        let mut finalized = namespace.clone();
        finalized.metadata.resource_version = None;
        let rest = finalizers
            .into_iter()
            .filter(|finalizer| finalizer != FINALIZER)
            .collect();
        finalized.spec.get_or_insert_default().finalizers = Some(rest);
        let body = serde_json::to_vec(&finalized).map_err(|error| {
            ControllerError::Object(format!("namespace {name:?} cannot be written: {error}"))
        })?;
        let path = format!("/api/v1/namespaces/{name}/finalize");
        let result = self
            .client
            .call::<serde::de::IgnoredAny>(Method::PUT, &path, "application/json", Some(body.into()))
            .await;
        client::error::optional(result)
            .map_err(doing("finalize a namespace"))
            .map(drop)
    }
}
