//! A pod that is said to be about to be disrupted, and is not: the condition is taken back.

use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::lean::Pod;
use client::{Client, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{NAME, PATIENCE};
use crate::context::{ControllerError, doing};
use crate::key::Key;
use crate::pod;

const CONDITION: &str = "DisruptionTarget";

/// Runs until the token fires.
pub(super) async fn run(client: Client, pods: Informer<Pod>, shutdown: CancellationToken) {
    let queue = WorkQueue::new();
    let to = queue.clone();
    pods.on_change(move |change| {
        let due = change
            .new
            .as_ref()
            .and_then(|pod| Some((pod, left(pod, Timestamp::now())?)));
        if let Some((pod, left)) = due {
            to.add_after(Key::of(&pod.metadata), left);
        }
    });
    run_workers(NAME, queue, 1, shutdown, move |key: Key| {
        let (client, pods) = (client.clone(), pods.clone());
        async move { reconcile(&client, &pods, &key).await }
    })
    .await;
}

async fn reconcile(client: &Client, pods: &Informer<Pod>, key: &Key) -> Result<Outcome, ControllerError> {
    let Some(pod) = pods.store().get(&key.namespace, &key.name) else {
        return Ok(Outcome::Done);
    };
    match left(&pod, Timestamp::now()) {
        None => Ok(Outcome::Done),
        Some(left) if !left.is_zero() => Ok(Outcome::After(left)),
        Some(_) => {
            let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let condition = json!({ "type": CONDITION, "status": "False", "lastTransitionTime": now });
            let patch =
                json!({ "metadata": { "uid": pod.metadata.uid }, "status": { "conditions": [condition] } });
            let options = PatchOptions {
                subresource: String::from("status"),
                ..PatchOptions::default()
            };
            let scope = Scope::Namespace(&key.namespace);
            let result = client
                .patch::<Pod>(scope, &key.name, Patch::Strategic(&patch), &options)
                .await;
            optional(result).map_err(doing("take a condition back"))?;
            Ok(Outcome::Done)
        }
    }
}

/// How long the condition may still stand; none if it does not, or the pod is on its way out as it says.
fn left(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let condition = pod::condition(pod, CONDITION).filter(|condition| condition.status == "True")?;
    if !pod::is_active(pod) {
        return None;
    }
    let since = condition.last_transition_time.as_ref().map_or(now, |time| time.0);
    Some(PATIENCE.saturating_sub(pod::elapsed(since, now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::testing::{deleting, pod, with_condition};

    #[test]
    fn only_pods_that_stay_are_waited_for() {
        let now = Timestamp::from_second(30).unwrap();
        let target = with_condition(pod("a", "Running"), CONDITION, 0);
        assert_eq!(left(&target, now), Some(Duration::from_secs(90)));
        assert_eq!(left(&deleting(target), now), None);
        assert_eq!(left(&pod("a", "Running"), now), None);
    }
}
