//! Jobs that have ended go when their time to live is over.

use std::sync::Arc;
use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::batch::v1::Job;
use client::options::Preconditions;
use client::{Client, DeleteOptions, Informer, Scope, WorkQueue, run_workers};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::job::finish;
use crate::key::Key;
use crate::pod::elapsed;

/// The controller's name; also its service account.
pub const NAME: &str = "ttl-after-finished-controller";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        jobs: context.informers().of::<Job>(),
    });
    let queue = WorkQueue::new();
    let to = queue.clone();
    controller.jobs.on_change(move |change| {
        if let Some(job) = change
            .new
            .as_ref()
            .filter(|job| left(job, Timestamp::now()).is_some())
        {
            to.add(Key::of(&job.metadata));
        }
    });
    controller.jobs.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    jobs: Informer<Job>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(job) = self.jobs.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        match left(&job, Timestamp::now()) {
            None => Ok(Outcome::Done),
            Some(Duration::ZERO) => self.delete(&key).await,
            Some(left) => Ok(Outcome::After(left)),
        }
    }

    /// Deletes the job as it is now: its time to live may have been changed in between.
    async fn delete(&self, key: &Key) -> Result<Outcome, ControllerError> {
        let live = optional(self.client.get::<Job>(key.namespace.as_str(), &key.name).await);
        let Some(live) = live.map_err(doing("read a job"))? else {
            return Ok(Outcome::Done);
        };
        match left(&live, Timestamp::now()) {
            Some(Duration::ZERO) => {}
            Some(left) => return Ok(Outcome::After(left)),
            None => return Ok(Outcome::Done),
        }
        let options = DeleteOptions {
            propagation_policy: Some("Foreground"),
            preconditions: Some(Preconditions {
                uid: live.metadata.uid,
                resource_version: live.metadata.resource_version,
            }),
            ..DeleteOptions::default()
        };
        let scope = Scope::Namespace(&key.namespace);
        let result = self.client.delete::<Job>(scope, &key.name, &options).await;
        optional(result).map_err(doing("delete a job whose time is over"))?;
        Ok(Outcome::Done)
    }
}

/// How long the job has still to live; none if it lives on.
fn left(job: &Job, now: Timestamp) -> Option<Duration> {
    let seconds = job.spec.as_ref()?.ttl_seconds_after_finished?;
    if job.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let ended = finish::ended(job)?.last_transition_time.as_ref()?.0;
    let time = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Some(time.saturating_sub(elapsed(ended, now)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(ttl: Value, condition: &str, expected: Option<u64>) {
        let job: Job = serde_json::from_value(json!({
            "spec": { "template": {}, "ttlSecondsAfterFinished": ttl },
            "status": { "conditions": [
                { "type": condition, "status": "True", "lastTransitionTime": "1970-01-01T00:01:00Z" },
            ] },
        }))
        .unwrap();
        let now = Timestamp::from_second(70).unwrap();
        assert_eq!(
            left(&job, now),
            expected.map(Duration::from_secs),
            "{ttl} {condition}"
        );
    }

    #[test]
    fn time_counts_from_the_end() {
        check(json!(30), "Complete", Some(20));
        check(json!(30), "Failed", Some(20));
        check(json!(0), "Complete", Some(0));
        check(json!(30), "Suspended", None);
        check(Value::Null, "Complete", None);
    }
}
