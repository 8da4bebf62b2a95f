//! The controller: looks at the nodes whenever one changes.

use client::controller::Outcome;
use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Error, Informer, ListOptions, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use tokio_util::sync::CancellationToken;

use super::TaintMode;
use super::plan::plan;

const NAME: &str = "control-plane-taint-controller";

/// Marks `own` (this machine's node, if it is one) as a master and keeps the taint of masters as `mode` says, until the
/// token fires. The client must be allowed to patch nodes, labels of roles included.
pub async fn run(client: Client, own: Option<String>, mode: TaintMode, shutdown: CancellationToken) {
    let client = client.named(NAME);
    let nodes = Informer::<Node>::start(client.clone(), "", ListOptions::default(), shutdown.clone());
    let queue: WorkQueue<()> = WorkQueue::new();
    let trigger = queue.clone();
    nodes.on_change(move |_| trigger.add(()));
    let pass = move |()| {
        let (client, nodes, own) = (client.clone(), nodes.clone(), own.clone());
        async move {
            nodes.synced().await;
            for change in plan(&nodes.store().list(), own.as_deref(), mode) {
                let patch = Patch::Merge(&change.patch);
                let options = PatchOptions::default();
                let patched = client
                    .patch::<Node>(Scope::Cluster, &change.node, patch, &options)
                    .await;
                match patched {
                    Ok(_) => {}
                    // It has changed since, which brings it back here.
                    Err(error) if error.is_conflict() || error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok::<_, Error>(Outcome::Done)
        }
    };
    run_workers(NAME, queue, 1, shutdown, pass).await;
}
