//! How long a node may keep what it has read of secrets and config maps: the longer, the more nodes there are.

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use serde_json::json;

use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "ttl-controller";
const ANNOTATION: &str = "node.alpha.kubernetes.io/ttl";
/// From so many nodes on, so many seconds, and back again at fewer than so many: upstream's steps.
const STEPS: [(usize, usize, u32); 5] = [
    (0, 0, 0),
    (101, 90, 15),
    (501, 450, 30),
    (1001, 900, 60),
    (2001, 1800, 300),
];

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        nodes: context.informers().of::<Node>(),
        step: parking_lot::Mutex::new(0),
    });
    let queue: WorkQueue<String> = WorkQueue::new();
    controller.nodes.synced().await;
    let (to, watching) = (queue.clone(), controller.clone());
    controller.nodes.on_change(move |change| {
        let came = change.new.as_ref().filter(|_| change.old.is_none());
        if watching.step_changes() {
            let all = watching.nodes.store().list();
            all.iter()
                .filter_map(|node| node.metadata.name.clone())
                .for_each(|name| to.add(name));
        } else if let Some(name) = came.and_then(|node| node.metadata.name.clone()) {
            to.add(name);
        }
    });
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        controller.clone().reconcile(name)
    })
    .await;
}

struct Controller {
    client: Client,
    nodes: Informer<Node>,
    step: parking_lot::Mutex<usize>,
}

impl Controller {
    fn step_changes(&self) -> bool {
        let mut step = self.step.lock();
        let now = next(*step, self.nodes.store().len());
        std::mem::replace(&mut *step, now) != now
    }

    async fn reconcile(self: Arc<Self>, name: String) -> Result<Outcome, ControllerError> {
        let Some(node) = self.nodes.store().get("", &name) else {
            return Ok(Outcome::Done);
        };
        let seconds = STEPS[*self.step.lock()].2.to_string();
        let annotations = node.metadata.annotations.as_ref();
        if annotations.and_then(|all| all.get(ANNOTATION)) == Some(&seconds) {
            return Ok(Outcome::Done);
        }
        let patch = json!({ "metadata": { "annotations": { ANNOTATION: seconds } } });
        let options = PatchOptions::default();
        let result = self
            .client
            .patch::<Node>(Scope::Cluster, &name, Patch::Strategic(&patch), &options)
            .await;
        optional(result).map_err(doing("tell a node how long to keep what it has read"))?;
        Ok(Outcome::Done)
    }
}

/// The step for so many nodes, coming from another.
fn next(mut step: usize, nodes: usize) -> usize {
    while step + 1 < STEPS.len() && nodes >= STEPS[step + 1].0 {
        step += 1;
    }
    while step > 0 && nodes < STEPS[step].1 {
        step -= 1;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_up_and_later_down() {
        for (step, nodes, expected) in [
            (0, 1, 0),
            (0, 100, 0),
            (0, 101, 1),
            (1, 95, 1),
            (1, 89, 0),
            (0, 5000, 4),
            (4, 10, 0),
        ] {
            assert_eq!(next(step, nodes), expected, "{step} {nodes}");
        }
    }
}
