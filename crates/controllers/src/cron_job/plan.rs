//! Whether a job is to be started now, and which old ones are to go.

use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meta::Schedule;

use crate::job::finish;

/// More missed times than this mean that the clock jumped, or nobody looked for long.
const MOST_MISSED: usize = 100;
/// Looked at so much after the time, lest the clock of another machine has not reached it.
const LATER: Duration = Duration::from_millis(100);

/// Something to say: reason and message; warnings are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) warning: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl News {
    fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            message: message.into(),
        }
    }

    fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            reason,
            message: message.into(),
        }
    }
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) status: CronJobStatus,
    /// Finished jobs that are not kept.
    pub(super) delete: Vec<Arc<Job>>,
    /// The time for which a job is to be started.
    pub(super) start: Option<Timestamp>,
    /// Jobs, by name, that give way to the new one.
    pub(super) replace: Vec<String>,
    pub(super) news: Vec<News>,
    pub(super) again_after: Option<Duration>,
}

/// What is looked at.
pub(super) struct Observed<'a> {
    pub(super) cron_job: &'a CronJob,
    /// The jobs it controls.
    pub(super) jobs: &'a [Arc<Job>],
    /// UIDs of jobs that the status names and that are gone.
    pub(super) missing: &'a [String],
    pub(super) now: Timestamp,
}

pub(super) fn name(job: &Job) -> &str {
    job.metadata.name.as_deref().unwrap_or("")
}

/// The name of the job for a time.
pub(super) fn job_name(cron_job: &CronJob, time: Timestamp) -> String {
    let name = cron_job.metadata.name.as_deref().unwrap_or("");
    format!("{name}-{}", time.as_second() / 60)
}

/// The zone a schedule is in.
pub(super) fn zone(cron_job: &CronJob) -> Result<TimeZone, String> {
    let name = cron_job.spec.time_zone.as_deref();
    match name {
        None => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

/// Decides.
pub(super) fn make(observed: &Observed<'_>) -> Plan {
    let cron_job = observed.cron_job;
    let mut plan = Plan {
        status: cron_job.status.clone().unwrap_or_default(),
        ..Plan::default()
    };
    follow_jobs(observed, &mut plan);
    plan.delete = surplus(observed);
    if cron_job.metadata.deletion_timestamp.is_none() && cron_job.spec.suspend != Some(true) {
        schedule(observed, &mut plan);
    }
    plan
}

/// The jobs that go on and that the status does not name.
pub(super) fn unexpected<'a>(
    cron_job: &'a CronJob,
    jobs: &'a [Arc<Job>],
) -> impl Iterator<Item = &'a Arc<Job>> {
    let active = cron_job
        .status
        .as_ref()
        .and_then(|status| status.active.as_deref());
    let active = active.unwrap_or_default();
    jobs.iter().filter(move |job| {
        finish::ended(job).is_none() && !active.iter().any(|reference| reference.uid == job.metadata.uid)
    })
}

/// Brings the list of active jobs up to date.
fn follow_jobs(observed: &Observed<'_>, plan: &mut Plan) {
    let mut active = plan.status.active.take().unwrap_or_default();
    for job in observed.jobs {
        let at = active
            .iter()
            .position(|reference| reference.uid == job.metadata.uid);
        match (at, finish::ended(job)) {
            (None, None) => plan.news.push(News::warning(
                "UnexpectedJob",
                format!(
                    "Saw a job that the controller did not create or forgot: {}",
                    name(job)
                ),
            )),
            (Some(at), Some(condition)) => {
                active.remove(at);
                let message = format!("Saw completed job: {}, condition: {}", name(job), condition.type_);
                plan.news.push(News::normal("SawCompletedJob", message));
            }
            _ => {}
        }
        let completed = job
            .status
            .as_ref()
            .and_then(|status| status.completion_time.clone());
        if finish::ended(job).is_some_and(|condition| condition.type_ == finish::COMPLETE)
            && completed > plan.status.last_successful_time
        {
            plan.status.last_successful_time = completed;
        }
    }
    active.retain(|reference| {
        let is_missing = reference
            .uid
            .as_ref()
            .is_some_and(|uid| observed.missing.contains(uid));
        if is_missing {
            let job = reference.name.as_deref().unwrap_or("");
            plan.news.push(News::normal(
                "MissingJob",
                format!("Active job went missing: {job}"),
            ));
        }
        !is_missing
    });
    plan.status.active = (!active.is_empty()).then_some(active);
}

/// Finished jobs beyond the numbers that are kept, the oldest of each kind.
fn surplus(observed: &Observed<'_>) -> Vec<Arc<Job>> {
    let spec = &observed.cron_job.spec;
    let of = |kind: &str, limit: Option<i32>| {
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
            return Vec::new();
        };
        let ended = |job: &&Arc<Job>| finish::ended(job).is_some_and(|c| c.type_ == kind);
        let mut jobs: Vec<_> = observed.jobs.iter().filter(ended).cloned().collect();
        jobs.sort_by_key(|job| {
            let start = job.status.as_ref().and_then(|status| status.start_time.clone());
            (start, name(job).to_owned())
        });
        let count = jobs.len().saturating_sub(limit);
        jobs.truncate(count);
        jobs
    };
    let mut surplus = of(finish::COMPLETE, spec.successful_jobs_history_limit);
    surplus.extend(of(finish::FAILED, spec.failed_jobs_history_limit));
    surplus
}

fn schedule(observed: &Observed<'_>, plan: &mut Plan) {
    let spec = &observed.cron_job.spec;
    let zone = match zone(observed.cron_job) {
        Ok(zone) => zone,
        Err(why) => {
            let zone = spec.time_zone.as_deref().unwrap_or("");
            let message = format!("invalid timeZone: {zone:?}: {why}");
            plan.news.push(News::warning("UnknownTimeZone", message));
            return;
        }
    };
    let schedule = match Schedule::parse(&spec.schedule) {
        Ok(schedule) => schedule,
        Err(why) => {
            let message = format!("unparseable schedule: {:?} : {why}", spec.schedule);
            plan.news.push(News::warning("UnparseableSchedule", message));
            return;
        }
    };
    let now = observed.now;
    plan.again_after = schedule.next(now, &zone).map(|next| {
        let left = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        left.saturating_add(LATER)
    });
    let (due, missed_many) = due(observed, &schedule, &zone, &plan.status);
    if missed_many {
        let message =
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        plan.news.push(News::warning("TooManyMissedTimes", message));
    }
    if let Some(due) = due {
        start(observed, due, plan);
    }
}

/// The last time that is due and was not served, and whether suspiciously many were missed.
fn due(
    observed: &Observed<'_>,
    schedule: &Schedule,
    zone: &TimeZone,
    status: &CronJobStatus,
) -> (Option<Timestamp>, bool) {
    let created = observed.cron_job.metadata.creation_timestamp.as_ref();
    let since = status.last_schedule_time.as_ref().or(created);
    let mut time = since.map_or(observed.now, |time| time.0);
    if let Some(deadline) = deadline(observed.cron_job) {
        let earliest = observed
            .now
            .checked_sub(jiff::SignedDuration::try_from(deadline).unwrap_or_default());
        time = time.max(earliest.unwrap_or(time));
    }
    let (mut last, mut count) = (None, 0);
    while let Some(next) = schedule.next(time, zone).filter(|next| *next <= observed.now) {
        count += 1;
        last = Some(next);
        time = next;
        if count > MOST_MISSED {
            // From a minute ago at least the latest time is found; what lies between is lost in any case.
            let near = observed
                .now
                .checked_sub(jiff::SignedDuration::from_mins(1))
                .unwrap_or(time);
            time = time.max(near);
        }
    }
    (last, count > MOST_MISSED)
}

fn deadline(cron_job: &CronJob) -> Option<Duration> {
    let seconds = cron_job.spec.starting_deadline_seconds?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn start(observed: &Observed<'_>, due: Timestamp, plan: &mut Plan) {
    let late =
        deadline(observed.cron_job).is_some_and(|deadline| crate::pod::elapsed(due, observed.now) > deadline);
    if late {
        let time = due.strftime("%a, %d %b %Y %H:%M:%S %z");
        let message = format!("Missed scheduled time to start a job: {time}");
        plan.news.push(News::warning("MissSchedule", message));
        return;
    }
    let new = job_name(observed.cron_job, due);
    let active = plan.status.active.as_deref().unwrap_or_default();
    if active
        .iter()
        .any(|reference| reference.name.as_ref() == Some(&new))
    {
        return;
    }
    let policy = observed.cron_job.spec.concurrency_policy.as_deref();
    match policy {
        Some("Forbid") if !active.is_empty() => {
            let message =
                "Not starting job because prior execution is running and concurrency policy is Forbid";
            plan.news.push(News::normal("JobAlreadyActive", message));
            return;
        }
        Some("Replace") => {
            plan.replace = active
                .iter()
                .filter_map(|reference| reference.name.clone())
                .collect();
            plan.status.active = None;
        }
        _ => {}
    }
    plan.start = Some(due);
    plan.status.last_schedule_time = Some(Time(due));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cron_job(spec: Value, status: Value) -> CronJob {
        let mut whole = json!({ "schedule": "0 * * * *", "jobTemplate": {} });
        whole
            .as_object_mut()
            .unwrap()
            .extend(spec.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "metadata": { "name": "c", "creationTimestamp": "2026-01-01T00:30:00Z" }, "spec": whole, "status": status,
        }))
        .unwrap()
    }

    fn job(name: &str, condition: &str) -> Arc<Job> {
        let conditions = match condition {
            "" => json!([]),
            kind => json!([{ "type": kind, "status": "True" }]),
        };
        let job = json!({
            "metadata": { "name": name, "uid": name },
            "status": { "conditions": conditions, "startTime": "2026-01-01T00:00:00Z",
                        "completionTime": "2026-01-01T00:10:00Z" },
        });
        Arc::new(serde_json::from_value(job).unwrap())
    }

    fn plan(cron_job: &CronJob, jobs: &[Arc<Job>], now: &str) -> Plan {
        make(&Observed {
            cron_job,
            jobs,
            missing: &[],
            now: now.parse().unwrap(),
        })
    }

    fn check(spec: Value, status: Value, now: &str, start: Option<&str>, reason: Option<&str>) {
        let text = format!("{spec} {status} {now}");
        let plan = plan(&cron_job(spec, status), &[], now);
        assert_eq!(plan.start, start.map(|time| time.parse().unwrap()), "{text}");
        assert_eq!(plan.news.first().map(|news| news.reason), reason, "{text}");
    }

    #[test]
    fn jobs_that_go_on_and_are_not_named_are_unexpected() {
        let jobs = [job("named", ""), job("new", ""), job("over", "Complete")];
        let cron_job = cron_job(json!({}), json!({ "active": [{ "uid": "named" }] }));
        let unexpected: Vec<_> = unexpected(&cron_job, &jobs).map(|job| name(job)).collect();
        assert_eq!(unexpected, ["new"]);
    }

    #[test]
    fn a_job_is_started_when_its_time_has_come() {
        check(json!({}), json!({}), "2026-01-01T00:59:59Z", None, None);
        let one = Some("2026-01-01T01:00:00Z");
        check(json!({}), json!({}), "2026-01-01T01:00:00Z", one, None);
        let served = json!({ "lastScheduleTime": "2026-01-01T01:00:00Z" });
        check(json!({}), served.clone(), "2026-01-01T01:30:00Z", None, None);
        check(
            json!({}),
            served,
            "2026-01-01T04:30:00Z",
            Some("2026-01-01T04:00:00Z"),
            None,
        );
        check(
            json!({ "suspend": true }),
            json!({}),
            "2026-01-01T02:00:00Z",
            None,
            None,
        );
        check(
            json!({ "startingDeadlineSeconds": 60 }),
            json!({}),
            "2026-01-01T01:30:00Z",
            None,
            None,
        );
    }

    #[test]
    fn what_cannot_be_is_told() {
        check(
            json!({ "schedule": "x" }),
            json!({}),
            "2026-01-01T01:00:00Z",
            None,
            Some("UnparseableSchedule"),
        );
        check(
            json!({ "timeZone": "No/Where" }),
            json!({}),
            "2026-01-01T01:00:00Z",
            None,
            Some("UnknownTimeZone"),
        );
        check(
            json!({}),
            json!({}),
            "2026-03-01T01:00:00Z",
            Some("2026-03-01T01:00:00Z"),
            Some("TooManyMissedTimes"),
        );
    }

    #[test]
    fn running_jobs_are_left_stopped_or_waited_for() {
        let active = json!({ "active": [{ "name": "old", "uid": "old" }] });
        let with = |policy: &str| {
            plan(
                &cron_job(json!({ "concurrencyPolicy": policy }), active.clone()),
                &[job("old", "")],
                "2026-01-01T01:00:00Z",
            )
        };
        assert!(with("Allow").start.is_some() && with("Allow").replace.is_empty());
        assert!(with("Forbid").start.is_none());
        assert_eq!(with("Forbid").news[0].reason, "JobAlreadyActive");
        assert_eq!(with("Replace").replace, ["old"]);
    }

    #[test]
    fn finished_jobs_leave_the_list_and_then_the_cluster() {
        let active = json!({ "active": [{ "name": "b", "uid": "b" }] });
        let spec = json!({ "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1 });
        let jobs = [job("a", "Complete"), job("b", "Complete"), job("c", "Failed")];
        let plan = plan(&cron_job(spec, active), &jobs, "2026-01-01T00:40:00Z");
        assert_eq!(plan.status.active, None);
        assert!(plan.status.last_successful_time.is_some());
        assert_eq!(plan.news[0].message, "Saw completed job: b, condition: Complete");
        let deleted: Vec<_> = plan.delete.iter().map(|job| name(job)).collect();
        assert_eq!(deleted, ["a"]);
        assert_eq!(plan.again_after, Some(Duration::from_secs(20 * 60) + LATER));
    }
}
