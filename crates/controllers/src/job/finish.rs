//! Whether a job is done, and how.

use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use client::lean::Pod;
use jiff::Timestamp;

use super::pods::container_statuses;
use super::policy;
use super::tracking::{Tracked, limit_per_index};
use crate::pod;

pub(crate) const COMPLETE: &str = "Complete";
pub(crate) const FAILED: &str = "Failed";
pub(super) const SUSPENDED: &str = "Suspended";
/// Say what a job will come to once its last pods have ended.
const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";
const FAILURE_TARGET: &str = "FailureTarget";
/// Upstream's default.
const BACKOFF_LIMIT: i32 = 6;

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) succeeded: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Verdict {
    fn new(succeeded: bool, reason: &str, message: impl Into<String>) -> Self {
        Self {
            succeeded,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self::new(false, reason, message)
    }

    /// The conditions it brings: what the job comes to, and what it has come to.
    fn conditions(&self) -> (&'static str, &'static str) {
        if self.succeeded {
            (SUCCESS_CRITERIA_MET, COMPLETE)
        } else {
            (FAILURE_TARGET, FAILED)
        }
    }
}

pub(super) fn condition<'a>(status: &'a JobStatus, kind: &str) -> Option<&'a JobCondition> {
    let conditions = status.conditions.as_ref()?;
    conditions
        .iter()
        .find(|condition| condition.type_ == kind && condition.status == "True")
}

/// Whether the job has ended for good.
pub(crate) fn is_finished(job: &Job) -> bool {
    ended(job).is_some()
}

/// The condition with which the job has ended.
pub(crate) fn ended(job: &Job) -> Option<&JobCondition> {
    let status = job.status.as_ref()?;
    condition(status, COMPLETE).or_else(|| condition(status, FAILED))
}

pub(super) fn is_suspended(job: &Job) -> bool {
    job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true)
}

/// How the job ends, if it does.
pub(super) fn verdict(job: &Job, tracked: &Tracked, pods: &[Arc<Pod>], now: Timestamp) -> Option<Verdict> {
    standing(&tracked.status)
        .or_else(|| failure(job, tracked, pods, now))
        .or_else(|| completion(job, tracked, pods))
}

/// What was decided before stays so.
fn standing(status: &JobStatus) -> Option<Verdict> {
    let said = |kind: &str, succeeded: bool| {
        let condition = condition(status, kind)?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Some(Verdict::new(
            succeeded,
            &text(&condition.reason),
            text(&condition.message),
        ))
    };
    said(FAILURE_TARGET, false).or_else(|| said(SUCCESS_CRITERIA_MET, true))
}

fn failure(job: &Job, tracked: &Tracked, pods: &[Arc<Pod>], now: Timestamp) -> Option<Verdict> {
    let spec = job.spec.as_ref()?;
    if let Some(message) = &tracked.policy_failure {
        return Some(Verdict::failed("PodFailurePolicy", message));
    }
    let limit = spec.backoff_limit.unwrap_or(BACKOFF_LIMIT);
    if tracked.failed > limit || restarted_too_often(job, pods, limit) {
        let message = "Job has reached the specified backoff limit";
        return Some(Verdict::failed("BackoffLimitExceeded", message));
    }
    if deadline(job, &tracked.status, now).is_some_and(|left| left.is_zero()) {
        let message = "Job was active longer than specified deadline";
        return Some(Verdict::failed("DeadlineExceeded", message));
    }
    limit_per_index(job)?;
    if spec
        .max_failed_indexes
        .is_some_and(|most| tracked.failed_indexes.len() > most)
    {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(Verdict::failed("MaxFailedIndexesExceeded", message));
    }
    let settled = tracked.succeeded_indexes.len() + tracked.failed_indexes.len();
    let all = spec.completions.is_some_and(|completions| settled >= completions);
    (all && tracked.failed_indexes.len() > 0)
        .then(|| Verdict::failed("FailedIndexes", "Job has failed indexes"))
}

/// Containers that are restarted in their pod count as failures.
fn restarted_too_often(job: &Job, pods: &[Arc<Pod>], limit: i32) -> bool {
    let spec = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    if spec.and_then(|spec| spec.restart_policy.as_deref()) != Some("OnFailure") {
        return false;
    }
    let living = pods
        .iter()
        .filter(|pod| matches!(pod::phase(pod), "Running" | "Pending"));
    let restarts: i32 = living
        .flat_map(|pod| container_statuses(pod))
        .map(|status| status.restart_count)
        .sum();
    if limit == 0 {
        restarts > 0
    } else {
        restarts >= limit
    }
}

/// How long the job may still run; none if it may for ever.
pub(super) fn deadline(job: &Job, status: &JobStatus, now: Timestamp) -> Option<Duration> {
    let seconds = job.spec.as_ref()?.active_deadline_seconds?;
    if is_suspended(job) {
        return None;
    }
    let since = status.start_time.as_ref()?.0;
    let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Some(limit.saturating_sub(pod::elapsed(since, now)))
}

fn completion(job: &Job, tracked: &Tracked, pods: &[Arc<Pod>]) -> Option<Verdict> {
    let spec = job.spec.as_ref()?;
    let reached = || {
        Verdict::new(
            true,
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        )
    };
    match spec.completions {
        Some(completions) => {
            if let Some(at) = policy::success(job, &tracked.succeeded_indexes, completions) {
                return Some(Verdict::new(
                    true,
                    "SuccessPolicy",
                    format!("Matched rules at index {at}"),
                ));
            }
            (tracked.succeeded >= completions).then(reached)
        }
        // A work queue: its pods know when it is empty.
        None => {
            let running = pods.iter().any(|pod| !pod::is_finished(pod));
            (tracked.succeeded > 0 && !running).then(reached)
        }
    }
}

/// Writes the verdict into the status: what the job comes to and, once nothing is left to end, what it has come to. True if
/// it has ended just now.
pub(super) fn conclude(
    status: &mut JobStatus,
    verdict: &Verdict,
    nothing_left: bool,
    now: Timestamp,
) -> bool {
    let (interim, last) = verdict.conditions();
    set_condition(status, interim, true, &verdict.reason, &verdict.message, now);
    if !nothing_left || condition(status, last).is_some() {
        return false;
    }
    set_condition(status, last, true, &verdict.reason, &verdict.message, now);
    if verdict.succeeded {
        status.completion_time = Some(Time(now));
    }
    true
}

/// Sets a condition; true if that changed it.
pub(super) fn set_condition(
    status: &mut JobStatus,
    kind: &str,
    value: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> bool {
    let value = if value { "True" } else { "False" };
    let conditions = status.conditions.get_or_insert_default();
    let old = conditions.iter_mut().find(|condition| condition.type_ == kind);
    if old.as_ref().is_some_and(|old| old.status == value) {
        return false;
    }
    let condition = JobCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    };
    match old {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tracking::track;
    use super::*;

    fn check(spec: Value, status: Value, second: i64, expected: Option<&str>) {
        let mut spec = spec;
        spec["template"] = json!({});
        let text = format!("{spec} {status}");
        let job: Job = serde_json::from_value(json!({ "spec": spec, "status": status })).unwrap();
        let now = Timestamp::from_second(second).unwrap();
        let verdict = verdict(&job, &track(&job, &[]), &[], now);
        assert_eq!(
            verdict.map(|verdict| verdict.reason).as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_job_ends_when_enough_succeeded_or_too_much_failed() {
        check(json!({ "completions": 2 }), json!({ "succeeded": 1 }), 0, None);
        check(
            json!({ "completions": 2 }),
            json!({ "succeeded": 2 }),
            0,
            Some("CompletionsReached"),
        );
        check(
            json!({}),
            json!({ "succeeded": 1 }),
            0,
            Some("CompletionsReached"),
        );
        check(json!({ "backoffLimit": 1 }), json!({ "failed": 1 }), 0, None);
        check(
            json!({ "backoffLimit": 1 }),
            json!({ "failed": 2 }),
            0,
            Some("BackoffLimitExceeded"),
        );
        let started = json!({ "startTime": "1970-01-01T00:00:00Z" });
        check(json!({ "activeDeadlineSeconds": 10 }), started.clone(), 9, None);
        check(
            json!({ "activeDeadlineSeconds": 10 }),
            started.clone(),
            10,
            Some("DeadlineExceeded"),
        );
        check(
            json!({ "activeDeadlineSeconds": 10, "suspend": true }),
            started,
            10,
            None,
        );
    }

    #[test]
    fn indexes_may_fail_each_for_itself() {
        let spec = |most: Option<i32>| {
            json!({ "completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1,
            "backoffLimit": 100, "maxFailedIndexes": most })
        };
        let status =
            |succeeded: &str, failed: &str| json!({ "completedIndexes": succeeded, "failedIndexes": failed });
        check(spec(None), status("0", "1"), 0, None);
        check(spec(None), status("0,2", "1"), 0, Some("FailedIndexes"));
        check(
            spec(Some(1)),
            status("", "1,2"),
            0,
            Some("MaxFailedIndexesExceeded"),
        );
        check(spec(None), status("0-2", ""), 0, Some("CompletionsReached"));
    }

    #[test]
    fn the_end_comes_when_nothing_is_left() {
        let mut status = JobStatus::default();
        let verdict = Verdict::new(true, "CompletionsReached", "m");
        let now = Timestamp::UNIX_EPOCH;
        assert!(!conclude(&mut status, &verdict, false, now));
        assert_eq!(standing(&status), Some(verdict.clone()));
        assert!(condition(&status, COMPLETE).is_none() && status.completion_time.is_none());
        assert!(conclude(&mut status, &verdict, true, now));
        assert!(condition(&status, COMPLETE).is_some() && status.completion_time.is_some());
        assert!(!conclude(&mut status, &verdict, true, now));
    }
}
