//! What a job calls for now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::batch::v1::{Job, JobStatus};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use client::lean::Pod;
use jiff::Timestamp;

use super::backoff::Backoff;
use super::finish::{self, SUSPENDED, Verdict, is_suspended};
use super::pods::{self, NewPod, has_finalizer, index};
use super::tracking::{self, Tracked, limit_per_index};
use crate::pod;
use crate::replicaset::ranking;

/// So many pods at most are made or deleted in one pass, as upstream has it.
const BURST: usize = 500;

/// What is looked at.
pub(super) struct Observed<'a> {
    pub(super) job: &'a Job,
    /// The job's pods.
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) backoff: Backoff,
    /// Whether all earlier creations and deletions have been seen.
    pub(super) may_decide: bool,
    pub(super) now: Timestamp,
}

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Suspended,
    Resumed,
    Completed,
    Failed { reason: String, message: String },
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) status: JobStatus,
    pub(super) create: Vec<NewPod>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// Whether the pods deleted do not count as failures: the job wants them no more.
    pub(super) deleted_do_not_count: bool,
    /// Pods whose finalizer goes once the status is written.
    pub(super) release: Vec<Arc<Pod>>,
    pub(super) news: Vec<News>,
    pub(super) backoff: Backoff,
    pub(super) again_after: Option<Duration>,
}

impl Plan {
    fn again_in(&mut self, time: Option<Duration>) {
        self.again_after = self.again_after.into_iter().chain(time).min();
    }
}

/// The pods that have not ended, by whether they are on their way out.
struct Living {
    active: Vec<Arc<Pod>>,
    terminating: Vec<Arc<Pod>>,
}

impl Living {
    fn of(pods: &[Arc<Pod>]) -> Self {
        let living = pods.iter().filter(|pod| !pod::is_finished(pod)).cloned();
        let (terminating, active) = living.partition(|pod| pod::is_deleting(pod));
        Self { active, terminating }
    }
}

/// Decides.
pub(super) fn make(observed: &Observed<'_>) -> Plan {
    let job = observed.job;
    if finish::is_finished(job) {
        return Plan {
            status: job.status.clone().unwrap_or_default(),
            release: observed
                .pods
                .iter()
                .filter(|pod| has_finalizer(pod))
                .cloned()
                .collect(),
            ..Plan::default()
        };
    }
    let mut tracked = tracking::track(job, observed.pods);
    let failed_at = tracked
        .new_failed
        .iter()
        .map(|pod| pods::ended(pod, observed.now));
    let mut plan = Plan {
        backoff: observed.backoff.with(tracked.some_new_succeeded, failed_at),
        release: std::mem::take(&mut tracked.release),
        ..Plan::default()
    };
    let living = Living::of(observed.pods);
    if job.metadata.deletion_timestamp.is_none() {
        start(observed, &mut tracked.status);
        match finish::verdict(job, &tracked, observed.pods, observed.now) {
            Some(verdict) => end(observed, &mut tracked, &verdict, &living, &mut plan),
            None if is_suspended(job) => suspend(observed, &mut tracked.status, &living, &mut plan),
            None => go_on(observed, &mut tracked, &living, &mut plan),
        }
    }
    plan.status = with_counts(tracked.status, &living);
    plan
}

fn start(observed: &Observed<'_>, status: &mut JobStatus) {
    if status.start_time.is_none() && !is_suspended(observed.job) {
        status.start_time = Some(Time(observed.now));
    }
}

fn with_counts(mut status: JobStatus, living: &Living) -> JobStatus {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let ready = living.active.iter().filter(|pod| pod::is_ready(pod)).count();
    status.active = Some(count(living.active.len())).filter(|count| *count != 0);
    status.ready = Some(count(ready));
    status.terminating = Some(count(living.terminating.len()));
    status
}

/// The job ends: what still runs goes, and when nothing does, it has ended.
fn end(observed: &Observed<'_>, tracked: &mut Tracked, verdict: &Verdict, living: &Living, plan: &mut Plan) {
    let held: Vec<_> = tracked.held.drain().map(|(_, pod)| pod).collect();
    let names = tracked.status.uncounted_terminated_pods.get_or_insert_default();
    for pod in held {
        names
            .failed
            .get_or_insert_default()
            .extend(pod.metadata.uid.clone());
        plan.release.push(pod);
    }
    if observed.may_decide {
        plan.delete.clone_from(&living.active);
    }
    plan.deleted_do_not_count = verdict.succeeded;
    let nothing_left = living.active.is_empty() && living.terminating.is_empty() && tracked.is_settled_all();
    if finish::conclude(&mut tracked.status, verdict, nothing_left, observed.now) {
        plan.news.push(if verdict.succeeded {
            News::Completed
        } else {
            News::Failed {
                reason: verdict.reason.clone(),
                message: verdict.message.clone(),
            }
        });
    }
}

fn suspend(observed: &Observed<'_>, status: &mut JobStatus, living: &Living, plan: &mut Plan) {
    if observed.may_decide {
        plan.delete.clone_from(&living.active);
    }
    plan.deleted_do_not_count = true;
    if finish::set_condition(
        status,
        SUSPENDED,
        true,
        "JobSuspended",
        "Job suspended",
        observed.now,
    ) {
        plan.news.push(News::Suspended);
    }
}

fn go_on(observed: &Observed<'_>, tracked: &mut Tracked, living: &Living, plan: &mut Plan) {
    let was_suspended = finish::condition(&tracked.status, SUSPENDED).is_some();
    if was_suspended {
        let (reason, message) = ("JobResumed", "Job resumed");
        finish::set_condition(
            &mut tracked.status,
            SUSPENDED,
            false,
            reason,
            message,
            observed.now,
        );
        tracked.status.start_time = Some(Time(observed.now));
        plan.news.push(News::Resumed);
    }
    plan.again_in(finish::deadline(observed.job, &tracked.status, observed.now));
    if observed.may_decide {
        manage(observed, tracked, living, plan);
    }
}

/// Makes pods that are missing and removes those that are too many.
fn manage(observed: &Observed<'_>, tracked: &Tracked, living: &Living, plan: &mut Plan) {
    let waits = pods::waits_for_the_end(observed.job);
    let (superfluous, active) = superfluous(observed.job, tracked, &living.active);
    let wanted = wanted(observed.job, tracked, active.len());
    plan.deleted_do_not_count = true;
    if !superfluous.is_empty() || active.len() > wanted {
        let surplus = active.len().saturating_sub(wanted);
        plan.delete = superfluous;
        plan.delete.extend(ranking::first_to_go(active, surplus));
        plan.delete.truncate(BURST);
        return;
    }
    let held_back = if waits { living.terminating.len() } else { 0 };
    let missing = wanted
        .saturating_sub(active.len())
        .saturating_sub(held_back)
        .min(BURST);
    if missing == 0 {
        return;
    }
    let left = plan.backoff.left(observed.now);
    if limit_per_index(observed.job).is_none() && !left.is_zero() {
        plan.again_in(Some(left));
        return;
    }
    if !pods::is_indexed(observed.job) {
        plan.create = vec![NewPod::default(); missing];
        return;
    }
    let mut busy: BTreeSet<i32> = active.iter().filter_map(|pod| index(pod)).collect();
    if waits {
        busy.extend(living.terminating.iter().filter_map(|pod| index(pod)));
    }
    fill(observed, tracked, &busy, missing, plan);
}

/// How many pods should run.
fn wanted(job: &Job, tracked: &Tracked, active: usize) -> usize {
    let Some(spec) = &job.spec else { return 0 };
    let parallelism = usize::try_from(spec.parallelism.unwrap_or(1)).unwrap_or(0);
    match spec.completions {
        // Once one pod of a work queue has succeeded, no new ones are made.
        None if tracked.succeeded > 0 => active.min(parallelism),
        None => parallelism,
        Some(completions) => {
            let settled = tracked.succeeded + tracked.failed_indexes.len();
            parallelism.min(usize::try_from(completions - settled).unwrap_or(0))
        }
    }
}

/// Pods for indexes that are settled, taken or none of the job's, and the others.
fn superfluous(job: &Job, tracked: &Tracked, active: &[Arc<Pod>]) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    if !pods::is_indexed(job) {
        return (Vec::new(), active.to_vec());
    }
    let completions = job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(0);
    let mut taken = BTreeSet::new();
    active.iter().cloned().partition(|pod| {
        let Some(index) = index(pod) else { return true };
        let settled = tracked.succeeded_indexes.contains(index) || tracked.failed_indexes.contains(index);
        index >= completions || settled || !taken.insert(index)
    })
}

/// Chooses the lowest free indexes.
fn fill(
    observed: &Observed<'_>,
    tracked: &Tracked,
    busy: &BTreeSet<i32>,
    mut missing: usize,
    plan: &mut Plan,
) {
    let completions = observed
        .job
        .spec
        .as_ref()
        .and_then(|spec| spec.completions)
        .unwrap_or(0);
    for index in 0..completions {
        if missing == 0 {
            return;
        }
        let settled = tracked.succeeded_indexes.contains(index) || tracked.failed_indexes.contains(index);
        if settled || busy.contains(&index) {
            continue;
        }
        missing -= 1;
        let mut failures = limit_per_index(observed.job).map(|_| 0);
        if let Some(failed) = tracked.held.get(&index) {
            let ignored = super::policy::judge(observed.job, failed) == super::policy::Verdict::Ignore;
            let count = pods::failures_before(failed) + i32::from(!ignored);
            let backoff = Backoff::after(
                u32::try_from(count).unwrap_or(0),
                pods::ended(failed, observed.now),
            );
            let left = backoff.left(observed.now);
            if !left.is_zero() {
                plan.again_in(Some(left));
                continue;
            }
            failures = Some(count);
        }
        plan.create.push(NewPod {
            index: Some(index),
            failures,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::pod::testing;

    fn job(spec: Value, status: Value) -> Job {
        let mut spec = spec;
        spec["template"] = json!({});
        serde_json::from_value(json!({ "metadata": { "name": "j" }, "spec": spec, "status": status }))
            .unwrap()
    }

    fn pod(name: &str, phase: &str, index: Option<i32>) -> Arc<Pod> {
        let mut pod = testing::pod(name, phase);
        pod.metadata.finalizers = Some(vec![pods::FINALIZER.into()].into());
        pod.metadata.annotations = index.map(|index| {
            [(
                "batch.kubernetes.io/job-completion-index".to_owned(),
                index.to_string(),
            )]
            .into()
        });
        Arc::new(pod)
    }

    fn plan(job: &Job, pods: &[Arc<Pod>]) -> Plan {
        make(&Observed {
            job,
            pods,
            backoff: Backoff::default(),
            may_decide: true,
            now: Timestamp::from_second(1000).unwrap(),
        })
    }

    fn indexes(plan: &Plan) -> Vec<i32> {
        plan.create.iter().filter_map(|new| new.index).collect()
    }

    #[test]
    fn as_many_run_as_are_missing_and_may() {
        let check = |spec: Value, status: Value, active: usize, create: usize, delete: usize| {
            let pods: Vec<_> = (0..active)
                .map(|n| pod(&n.to_string(), "Running", None))
                .collect();
            let text = format!("{spec} {status}");
            let plan = plan(&job(spec, status), &pods);
            assert_eq!((plan.create.len(), plan.delete.len()), (create, delete), "{text}");
        };
        check(json!({ "completions": 1, "parallelism": 1 }), json!({}), 0, 1, 0);
        check(json!({ "completions": 5, "parallelism": 3 }), json!({}), 1, 2, 0);
        check(
            json!({ "completions": 5, "parallelism": 3 }),
            json!({ "succeeded": 4 }),
            0,
            1,
            0,
        );
        check(json!({ "completions": 5, "parallelism": 1 }), json!({}), 3, 0, 2);
        check(json!({ "parallelism": 2 }), json!({}), 0, 2, 0);
        check(json!({ "parallelism": 2 }), json!({ "succeeded": 1 }), 1, 0, 0);
    }

    #[test]
    fn the_lowest_free_indexes_are_filled() {
        let job = job(
            json!({ "completionMode": "Indexed", "completions": 5, "parallelism": 3 }),
            json!({ "completedIndexes": "1" }),
        );
        assert_eq!(indexes(&plan(&job, &[pod("a", "Running", Some(0))])), [2, 3]);
        let twice = [
            pod("a", "Running", Some(0)),
            pod("b", "Running", Some(0)),
            pod("c", "Running", Some(1)),
        ];
        let plan = plan(&job, &twice);
        assert!(plan.create.is_empty());
        assert_eq!(plan.delete.len(), 2);
    }

    #[test]
    fn a_failure_is_waited_after() {
        let job = job(json!({ "completions": 1, "parallelism": 1 }), json!({}));
        let failed = pod("a", "Failed", None);
        let plan = make(&Observed {
            job: &job,
            pods: &[failed],
            backoff: Backoff::default(),
            may_decide: true,
            now: Timestamp::from_second(3).unwrap(),
        });
        assert!(plan.create.is_empty());
        assert_eq!(plan.again_after, Some(Duration::from_secs(10)));
        assert_eq!(plan.release.len(), 1);
    }

    #[test]
    fn a_suspended_job_has_no_pods_and_starts_anew() {
        let suspended = job(json!({ "suspend": true, "parallelism": 1 }), json!({}));
        let stopped = plan(&suspended, &[pod("a", "Running", None)]);
        assert_eq!((stopped.delete.len(), stopped.deleted_do_not_count), (1, true));
        assert_eq!(stopped.news, [News::Suspended]);
        assert!(stopped.status.start_time.is_none());
        let status = serde_json::to_value(&stopped.status).unwrap();
        let resumed = plan(&job(json!({ "parallelism": 1 }), status), &[]);
        assert_eq!(resumed.news, [News::Resumed]);
        assert_eq!(resumed.create.len(), 1);
        assert!(resumed.status.start_time.is_some());
    }

    #[test]
    fn a_job_completes_in_three_passes() {
        let spec = json!({ "completions": 1, "parallelism": 1 });
        let mut status = json!({});
        let mut pods = vec![pod("a", "Succeeded", None)];
        let named = plan(&job(spec.clone(), status), &pods);
        assert_eq!((named.release.len(), named.news.len()), (1, 0));
        status = serde_json::to_value(&named.status).unwrap();
        // The finalizer is gone.
        let mut done = Pod::clone(&pods[0]);
        done.metadata.finalizers = None;
        pods[0] = Arc::new(done);
        let counted = plan(&job(spec.clone(), status), &pods);
        assert_eq!(counted.news, [News::Completed]);
        assert_eq!(counted.status.succeeded, Some(1));
        status = serde_json::to_value(&counted.status).unwrap();
        let finished = job(spec, status);
        assert!(finish::is_finished(&finished));
        let after = plan(&finished, &pods);
        assert_eq!(Some(after.status), finished.status);
        assert!(after.create.is_empty() && after.news.is_empty());
    }

    #[test]
    fn a_job_that_failed_ends_its_pods_first() {
        let spec = json!({ "completions": 3, "parallelism": 2, "backoffLimit": 0 });
        let pods = [pod("a", "Failed", None), pod("b", "Running", None)];
        let plan = plan(&job(spec, json!({})), &pods);
        assert_eq!((plan.delete.len(), plan.create.len()), (1, 0));
        assert!(!plan.deleted_do_not_count);
        assert!(plan.news.is_empty());
        assert_eq!(
            plan.status.conditions.unwrap()[0].reason.as_deref(),
            Some("BackoffLimitExceeded")
        );
    }
}
