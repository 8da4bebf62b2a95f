//! What the controller may say of a job.

use serde_json::Value;

use super::indexes;
use crate::toolkit::columns::{list, number};
use crate::toolkit::{Field, Seen};

/// The rules for a change of status.
pub fn rules(job: &Field, old: &Value) {
    let status = job.child("status");
    let spec = job.child("spec");
    for field in ["active", "succeeded", "failed", "ready", "terminating"] {
        status.child(field).non_negative();
    }
    counters(&status, old);
    uncounted(&status.child("uncountedTerminatedPods"));
    conditions(&status);
    times(&status);
    completed_indexes(&status, &spec);
    for (kind, complaint) in [
        ("Failed", "cannot disable the terminal Failed=True condition"),
        ("Complete", "cannot disable the terminal Complete=True condition"),
    ] {
        if was(old, kind) && !is(&status, kind) {
            status.child("conditions").invalid_plain(complaint);
        }
    }
}

fn was(job: &Value, kind: &str) -> bool {
    let mut conditions = list(job, &["status", "conditions"]).iter();
    conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn is(status: &Field, kind: &str) -> bool {
    let conditions = status.child("conditions");
    conditions
        .items()
        .any(|condition| condition.text_of("type") == kind && condition.text_of("status") == "True")
}

/// Pods that have ended stay ended.
fn counters(status: &Field, old: &Value) {
    for (field, complaint) in [
        ("failed", "cannot decrease the failed counter"),
        ("succeeded", "cannot decrease the succeeded counter"),
    ] {
        let counter = status.child(field);
        if counter.number() < number(old, &["status", field]) {
            counter.invalid_as(counter.number(), complaint);
        }
    }
    let (ready, active) = (status.child("ready"), status.child("active"));
    if ready.is_set() && ready.number() > active.number() {
        ready.invalid("cannot set more ready pods than active");
    }
}

fn uncounted(pods: &Field) {
    let mut seen = Seen::new();
    for kind in ["succeeded", "failed"] {
        for uid in pods.child(kind).items() {
            if uid.text().is_empty() {
                uid.invalid("must not be empty");
            } else if seen.again(uid.text()) {
                uid.duplicate();
            }
        }
    }
}

fn conditions(status: &Field) {
    let conditions = status.child("conditions");
    let [complete, failed, criteria, target] =
        ["Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"].map(|kind| is(status, kind));
    for (is_wrong, complaint) in [
        (
            complete && !criteria,
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        ),
        (
            complete && failed,
            "cannot set Complete=True and Failed=true conditions",
        ),
        (
            complete && target,
            "cannot set Complete=True and FailureTarget=true conditions",
        ),
        (
            failed && !target,
            "cannot set Failed=True condition without the FailureTarget=true condition",
        ),
        (
            failed && criteria,
            "cannot set Failed=True and SuccessCriteriaMet=true conditions",
        ),
        (
            criteria && target,
            "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
        ),
    ] {
        if is_wrong {
            conditions.invalid_plain(complaint);
        }
    }
    if !complete && !failed {
        return;
    }
    for (field, complaint) in [
        ("active", "active>0 is invalid for finished job"),
        ("terminating", "terminating>0 is invalid for finished job"),
    ] {
        let counter = status.child(field);
        if counter.number() > 0 {
            counter.invalid(complaint);
        }
    }
    let uncounted = status.child("uncountedTerminatedPods");
    if !uncounted.child("succeeded").is_empty() || !uncounted.child("failed").is_empty() {
        uncounted.invalid("uncountedTerminatedPods needs to be empty for finished job");
    }
}

fn times(status: &Field) {
    let (start, end) = (status.child("startTime"), status.child("completionTime"));
    let (complete, failed) = (is(status, "Complete"), is(status, "Failed"));
    if (complete || failed) && !start.is_set() {
        start.required("startTime is required for finished job");
    }
    if complete && !end.is_set() {
        end.required("completionTime is required for Complete jobs");
    }
    if !complete && end.is_set() {
        end.invalid("cannot set completionTime when there is no Complete=True condition");
    }
    if start.is_set() && end.is_set() && end.text() < start.text() {
        end.invalid("must be equal to or after `startTime`");
    }
}

fn completed_indexes(status: &Field, spec: &Field) {
    let completions = spec.child("completions");
    let limit = spec.child("backoffLimitPerIndex");
    let (completed, failed) = (status.child("completedIndexes"), status.child("failedIndexes"));
    let readable = |place: &Field, name: &str| {
        if let Err(why) = indexes::count(place.text(), completions.number()) {
            place.invalid(&format!("error parsing {name}: {why}"));
        }
    };
    if completions.is_set() && !completed.is_empty() {
        readable(&completed, "completedIndexes");
    }
    if completions.is_set() && limit.is_set() && !failed.is_empty() {
        readable(&failed, "failedIndexes");
    }
    if !completed.is_empty() && spec.text_of("completionMode") != "Indexed" {
        completed.invalid("cannot set non-empty completedIndexes when non-indexed completion mode");
    }
    if failed.is_set() && !limit.is_set() {
        failed.invalid("cannot set non-null failedIndexes when backoffLimitPerIndex is null");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::part_errors;
    use serde_json::{Value, json};

    fn check(status: Value, expected: &[&str]) {
        let job = |status: Value| json!({"status": status});
        assert_eq!(
            part_errors(
                "batch",
                "jobs",
                "status",
                &job(status),
                &job(json!({"failed": 1}))
            ),
            expected
        );
    }

    #[test]
    fn indexes_are_of_jobs_that_have_some() {
        let check = |spec: Value, status: Value, expected: &[&str]| {
            let job = |status: Value| json!({"spec": spec.clone(), "status": status});
            assert_eq!(
                part_errors("batch", "jobs", "status", &job(status), &job(json!({}))),
                expected
            );
        };
        let plain = json!({"completions": 3});
        check(
            plain.clone(),
            json!({"completedIndexes": "x"}),
            &[
                "status.completedIndexes: Invalid value: \"x\": error parsing completedIndexes: cannot convert string to integer for index: \"x\"",
                "status.completedIndexes: Invalid value: \"x\": cannot set non-empty completedIndexes when non-indexed completion mode",
            ],
        );
        check(
            plain,
            json!({"failedIndexes": "x"}),
            &[
                "status.failedIndexes: Invalid value: \"x\": cannot set non-null failedIndexes when backoffLimitPerIndex is null",
            ],
        );
        check(
            json!({"completions": 3, "completionMode": "Indexed", "backoffLimitPerIndex": 1}),
            json!({"completedIndexes": "0-1", "failedIndexes": "x"}),
            &[
                "status.failedIndexes: Invalid value: \"x\": error parsing failedIndexes: cannot convert string to integer for index: \"x\"",
            ],
        );
    }

    #[test]
    fn counters_add_up() {
        check(json!({"failed": 1, "active": 1, "ready": 1}), &[]);
        check(
            json!({"failed": 1, "active": 1, "ready": 2}),
            &["status.ready: Invalid value: 2: cannot set more ready pods than active"],
        );
        check(
            json!({}),
            &["status.failed: Invalid value: 0: cannot decrease the failed counter"],
        );
    }

    #[test]
    fn an_end_is_complete() {
        let complete = json!([{"type": "Complete", "status": "True"}]);
        check(
            json!({"failed": 1, "conditions": complete}),
            &[
                "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
                "status.startTime: Required value: startTime is required for finished job",
                "status.completionTime: Required value: completionTime is required for Complete jobs",
            ],
        );
    }
}
