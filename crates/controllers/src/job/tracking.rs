//! Counting pods that have ended, each exactly once.
//!
//! A pod is kept by a finalizer until the job's status names it as ended; then the finalizer goes; and when that is seen, the
//! name gives way to a count. So at every moment each pod is either there, named, or counted.

use std::collections::HashMap;
use std::sync::Arc;

use client::k8s_openapi::api::batch::v1::{Job, JobStatus};
use client::lean::Pod;

use super::indexes::Indexes;
use super::pods::{self, has_failed, has_finalizer, index};
use super::policy::{self, Verdict};
use crate::pod;

/// Names in a status at most; further pods wait for the next pass.
const MOST_UNCOUNTED: usize = 500;

/// How a job stands.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    /// With counts and names brought up to date.
    pub(super) status: JobStatus,
    /// Pods whose finalizer can go once the status is written.
    pub(super) release: Vec<Arc<Pod>>,
    /// All that succeeded and failed, counted or named.
    pub(super) succeeded: i32,
    pub(super) failed: i32,
    /// Pods that came to be named just now.
    pub(super) new_failed: Vec<Arc<Pod>>,
    pub(super) some_new_succeeded: bool,
    pub(super) succeeded_indexes: Indexes,
    pub(super) failed_indexes: Indexes,
    /// By index: failed pods that are not counted before they are replaced or their index is given up.
    pub(super) held: HashMap<i32, Arc<Pod>>,
    /// The policy says that the job has failed.
    pub(super) policy_failure: Option<String>,
}

/// Counts indexes apart, and how often each may fail.
pub(super) fn limit_per_index(job: &Job) -> Option<i32> {
    job.spec.as_ref().and_then(|spec| spec.backoff_limit_per_index)
}

fn completions(job: &Job) -> i32 {
    job.spec
        .as_ref()
        .and_then(|spec| spec.completions)
        .unwrap_or(i32::MAX)
}

/// Brings the counts up to date.
pub(super) fn track(job: &Job, pods: &[Arc<Pod>]) -> Tracked {
    let status = job.status.clone().unwrap_or_default();
    let indexes = |text: &Option<String>| Indexes::parse(text.as_deref().unwrap_or(""), completions(job));
    let mut tracked = Tracked {
        succeeded_indexes: indexes(&status.completed_indexes),
        failed_indexes: indexes(&status.failed_indexes),
        status,
        ..Tracked::default()
    };
    tracked.count_released(pods);
    tracked.name_ended(job, pods);
    tracked.sum_up(job);
    tracked
}

impl Tracked {
    /// Names of pods that have no finalizer any more, or are gone, become numbers.
    fn count_released(&mut self, pods: &[Arc<Pod>]) {
        let kept: std::collections::HashSet<&str> = pods
            .iter()
            .filter(|pod| has_finalizer(pod))
            .filter_map(|pod| pod.metadata.uid.as_deref())
            .collect();
        let names = self.status.uncounted_terminated_pods.get_or_insert_default();
        let settle = |names: &mut Option<Vec<String>>| {
            let names = names.get_or_insert_default();
            let before = names.len();
            names.retain(|uid| kept.contains(uid.as_str()));
            i32::try_from(before - names.len()).unwrap_or(0)
        };
        let succeeded = settle(&mut names.succeeded);
        let failed = settle(&mut names.failed);
        self.status.succeeded = Some(self.status.succeeded.unwrap_or(0) + succeeded);
        self.status.failed = Some(self.status.failed.unwrap_or(0) + failed);
    }

    fn name_ended(&mut self, job: &Job, pods: &[Arc<Pod>]) {
        let waits = pods::waits_for_the_end(job);
        for pod in pods.iter().filter(|pod| has_finalizer(pod)) {
            let named = self.named();
            let uid = pod.metadata.uid.clone().unwrap_or_default();
            if named.contains(&uid) {
                self.release.push(pod.clone());
            } else if named.len() >= MOST_UNCOUNTED {
                return;
            } else if pod::phase(pod) == "Succeeded" {
                self.name_succeeded(job, pod, uid);
            } else if has_failed(pod, waits) {
                self.name_failed(job, pods, pod, uid);
            }
        }
    }

    fn named(&self) -> Vec<String> {
        let names = self.status.uncounted_terminated_pods.clone().unwrap_or_default();
        names
            .succeeded
            .into_iter()
            .chain(names.failed)
            .flatten()
            .collect()
    }

    fn name_succeeded(&mut self, job: &Job, pod: &Arc<Pod>, uid: String) {
        self.release.push(pod.clone());
        self.some_new_succeeded = true;
        if !pods::is_indexed(job) {
            let names = self.status.uncounted_terminated_pods.get_or_insert_default();
            names.succeeded.get_or_insert_default().push(uid);
            return;
        }
        // Indexes count themselves.
        if let Some(index) = index(pod).filter(|index| *index < completions(job)) {
            self.succeeded_indexes.0.insert(index);
        }
    }

    fn name_failed(&mut self, job: &Job, pods: &[Arc<Pod>], pod: &Arc<Pod>, uid: String) {
        let verdict = policy::judge(job, pod);
        if let Verdict::FailJob(message) = &verdict {
            self.policy_failure.get_or_insert(message.clone());
        }
        if let (Some(limit), Some(index)) = (limit_per_index(job), index(pod)) {
            let given_up = verdict == Verdict::FailIndex
                || (verdict == Verdict::Count && pods::failures_before(pod) >= limit);
            if given_up && index < completions(job) {
                self.failed_indexes.0.insert(index);
            } else if !self.is_settled(index) && !is_replaced(pods, pod, index) {
                self.held.insert(index, pod.clone());
                return;
            }
        }
        self.release.push(pod.clone());
        if verdict == Verdict::Ignore {
            return;
        }
        self.new_failed.push(pod.clone());
        let names = self.status.uncounted_terminated_pods.get_or_insert_default();
        names.failed.get_or_insert_default().push(uid);
    }

    fn is_settled(&self, index: i32) -> bool {
        self.succeeded_indexes.contains(index) || self.failed_indexes.contains(index)
    }

    fn sum_up(&mut self, job: &Job) {
        let names = self.status.uncounted_terminated_pods.get_or_insert_default();
        let count = |names: &Option<Vec<String>>| {
            i32::try_from(names.as_ref().map_or(0, Vec::len)).unwrap_or(i32::MAX)
        };
        self.succeeded = self.status.succeeded.unwrap_or(0) + count(&names.succeeded);
        self.failed = self.status.failed.unwrap_or(0) + count(&names.failed);
        names.succeeded = names.succeeded.take().filter(|names| !names.is_empty());
        names.failed = names.failed.take().filter(|names| !names.is_empty());
        if pods::is_indexed(job) {
            self.succeeded = self.succeeded_indexes.len();
            self.status.succeeded = Some(self.succeeded);
            let text = self.succeeded_indexes.to_string();
            self.status.completed_indexes = (!text.is_empty()).then_some(text);
            if limit_per_index(job).is_some() {
                self.status.failed_indexes = Some(self.failed_indexes.to_string());
            }
        }
        self.status.succeeded = self.status.succeeded.filter(|count| *count != 0);
        self.status.failed = self.status.failed.filter(|count| *count != 0);
    }

    /// Whether every pod that has ended is a number by now.
    pub(super) fn is_settled_all(&self) -> bool {
        let names = self.status.uncounted_terminated_pods.as_ref();
        names.is_none_or(|names| names.succeeded.is_none() && names.failed.is_none())
    }
}

/// Whether a later pod of the index is there.
fn is_replaced(pods: &[Arc<Pod>], pod: &Arc<Pod>, of: i32) -> bool {
    let failures = pods::failures_before(pod);
    pods.iter().any(|other| {
        other.metadata.uid != pod.metadata.uid
            && index(other) == Some(of)
            && (pods::failures_before(other) > failures
                || (pods::failures_before(other) == failures && pod::created(other) > pod::created(pod)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(spec: Value, status: Value) -> Job {
        let mut spec = spec;
        spec["template"] = json!({});
        serde_json::from_value(json!({ "spec": spec, "status": status })).unwrap()
    }

    fn pod(uid: &str, phase: &str, index: Option<(i32, i32)>, finalizer: bool) -> Arc<Pod> {
        let mut pod = crate::pod::testing::pod(uid, phase);
        if finalizer {
            pod.metadata.finalizers = Some(vec![pods::FINALIZER.into()].into());
        }
        if let Some((index, failures)) = index {
            let annotations: std::collections::BTreeMap<String, String> = serde_json::from_value(json!({
                "batch.kubernetes.io/job-completion-index": index.to_string(),
                "batch.kubernetes.io/job-index-failure-count": failures.to_string(),
            }))
            .unwrap();
            pod.metadata.annotations = Some(annotations.into());
        }
        Arc::new(pod)
    }

    fn status(tracked: &Tracked) -> Value {
        serde_json::to_value(&tracked.status).unwrap()
    }

    #[test]
    fn a_pod_is_named_then_counted() {
        let first = track(
            &job(json!({}), json!({ "succeeded": 1 })),
            &[
                pod("a", "Succeeded", None, true),
                pod("b", "Failed", None, true),
                pod("c", "Running", None, true),
            ],
        );
        let named = json!({ "succeeded": 1,
            "uncountedTerminatedPods": { "succeeded": ["a"], "failed": ["b"] } });
        assert_eq!(status(&first), named);
        assert_eq!((first.succeeded, first.failed), (2, 1));
        assert_eq!(first.release.len(), 2);
        assert!(!first.is_settled_all());
        // One finalizer is gone, the other pod too.
        let next = track(
            &job(json!({}), named),
            &[
                pod("a", "Succeeded", None, false),
                pod("c", "Running", None, true),
            ],
        );
        assert_eq!(
            status(&next),
            json!({ "succeeded": 2, "failed": 1, "uncountedTerminatedPods": {} })
        );
        assert!(next.is_settled_all() && next.release.is_empty());
    }

    #[test]
    fn indexes_count_once() {
        let tracked = track(
            &job(
                json!({ "completionMode": "Indexed", "completions": 4 }),
                json!({ "completedIndexes": "0" }),
            ),
            &[
                pod("a", "Succeeded", Some((0, 0)), true),
                pod("b", "Succeeded", Some((2, 0)), true),
                pod("c", "Succeeded", Some((9, 0)), true),
            ],
        );
        assert_eq!(tracked.status.completed_indexes.as_deref(), Some("0,2"));
        assert_eq!((tracked.succeeded, tracked.release.len()), (2, 3));
    }

    #[test]
    fn a_failed_pod_of_an_index_is_held_until_it_is_replaced_or_given_up() {
        let job = job(
            json!({ "completionMode": "Indexed", "completions": 4, "backoffLimitPerIndex": 1 }),
            json!({}),
        );
        let failed = |failures| pod("a", "Failed", Some((1, failures)), true);
        let held = track(&job, &[failed(0)]);
        assert!(held.held.contains_key(&1) && held.release.is_empty());
        let replaced = track(&job, &[failed(0), pod("b", "Running", Some((1, 1)), true)]);
        assert_eq!((replaced.failed, replaced.release.len()), (1, 1));
        let given_up = track(&job, &[failed(1)]);
        assert_eq!(given_up.status.failed_indexes.as_deref(), Some("1"));
        assert_eq!(given_up.release.len(), 1);
    }
}
