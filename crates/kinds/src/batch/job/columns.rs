//! The table of jobs.

use meta::Time;
use meta::age::human_duration;
use resource::{Column, Row};
use serde_json::Value;

use crate::apps::workload::{container_cells, container_columns, selector_cell, selector_column};
use crate::toolkit::columns::{AGE, NAME, created, list, name, number, text};

/// Its columns.
pub fn columns() -> Vec<Column> {
    let [containers, images] = container_columns();
    vec![
        NAME,
        Column::string("Status", "Status of the job."),
        Column::string("Completions", "Pods that have succeeded, of those needed.")
            .shows("batch.v1.JobStatus.succeeded"),
        Column::string("Duration", "Time required to complete the job."),
        AGE,
        containers,
        images,
        selector_column().shows("batch.v1.JobSpec.selector"),
    ]
}

/// One job.
pub fn row(job: &Value, now: i64) -> Row {
    let [containers, images] = container_cells(job);
    Row {
        cells: vec![
            name(job),
            status(job).into(),
            completions(job).into(),
            duration(job, now).into(),
            created(job, now),
            containers,
            images,
            selector_cell(job),
        ],
        ..Row::default()
    }
}

fn status(job: &Value) -> &'static str {
    let has = |kind: &str| {
        let mut conditions = list(job, &["status", "conditions"]).iter();
        conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if !text(job, &["metadata", "deletionTimestamp"]).is_empty() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> String {
    let succeeded = number(job, &["status", "succeeded"]);
    let parallelism = number(job, &["spec", "parallelism"]);
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn duration(job: &Value, now: i64) -> String {
    let time = |field: &str| Time::parse(text(job, &["status", field])).ok().map(Time::seconds);
    match (time("startTime"), time("completionTime")) {
        (None, _) => String::new(),
        (Some(start), end) => human_duration(end.unwrap_or(now) - start),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::cells;
    use serde_json::{Value, json};

    fn check(job: Value, expected: [&str; 3]) {
        let cells = cells("batch", "jobs", &job);
        let shown: Vec<&str> = cells[1..4].iter().filter_map(Value::as_str).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn progress_is_shown() {
        check(json!({"spec": {"parallelism": 3}}), ["Running", "0/1 of 3", ""]);
        check(
            json!({
                "spec": {"completions": 2},
                "status": {
                    "succeeded": 2, "startTime": "2020-01-01T00:00:00Z", "completionTime": "2020-01-01T00:01:05Z",
                    "conditions": [{"type": "Complete", "status": "True"}],
                },
            }),
            ["Complete", "2/2", "65s"],
        );
    }
}
