//! Persistent volumes that are bound stay.

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::PersistentVolume;
use client::{Client, Informer, WorkQueue, run_workers};

use super::{Step, add, remove, step};
use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "pv-protection-controller";
const FINALIZER: &str = "kubernetes.io/pv-protection";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let volumes = context.informers().of::<PersistentVolume>();
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    volumes.on_change(move |change| {
        let name = change
            .new
            .as_ref()
            .and_then(|volume| volume.metadata.name.clone());
        if let Some(name) = name {
            to.add(name);
        }
    });
    volumes.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        let (client, volumes) = (client.clone(), volumes.clone());
        async move { reconcile(&client, &volumes, &name).await }
    })
    .await;
}

async fn reconcile(
    client: &Client,
    volumes: &Informer<PersistentVolume>,
    name: &str,
) -> Result<Outcome, ControllerError> {
    let Some(volume) = volumes.store().get("", name) else {
        return Ok(Outcome::Done);
    };
    let mut changed = PersistentVolume::clone(&volume);
    match step(&volume.metadata, FINALIZER) {
        Step::Add => add(&mut changed.metadata, FINALIZER),
        Step::RemoveIfUnused if !is_bound(&volume) => remove(&mut changed.metadata, FINALIZER),
        _ => return Ok(Outcome::Done),
    }
    let result = client.replace(&changed).await;
    optional(result).map_err(doing("protect a volume"))?;
    Ok(Outcome::Done)
}

fn is_bound(volume: &PersistentVolume) -> bool {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Bound")
}
