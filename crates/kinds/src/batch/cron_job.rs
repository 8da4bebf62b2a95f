//! Cron jobs.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::{job, schedule};
use crate::apps::workload::{container_columns, name_warnings, selector_column};
use crate::core::pod::{defaults, warnings};
use crate::room::{room, status_apart};
use crate::toolkit::columns::{
    AGE, NAME, boolean, containers_and_images, created, integer, list, name, or_none, since, text,
};
use crate::toolkit::defaults::{object_at, object_or_new, when_empty, when_missing};
use crate::toolkit::selectors::label_selector_text;
use crate::toolkit::{Field, Report, same};

room! {
    /// Jobs that are started at given times.
    CronJob
}

/// What is appended to the names of its jobs needs its room in them.
const MAX_NAME: usize = 52;

impl Strategy for CronJob {
    fn metadata_checks(&self, subresource: &str) -> MetadataChecks {
        if subresource.is_empty() {
            MetadataChecks::AS_CHANGE
        } else {
            MetadataChecks::NONE
        }
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        when_empty(spec, "concurrencyPolicy", "Allow");
        when_missing(spec, "suspend", false);
        when_missing(spec, "successfulJobsHistoryLimit", 3);
        when_missing(spec, "failedJobsHistoryLimit", 1);
        let template = object_or_new(spec, "jobTemplate");
        if let Some(of_job) = template.and_then(|template| object_or_new(template, "spec")) {
            defaults::template(of_job);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |cron| {
            rules(cron, None);
            let metadata = cron.child("metadata");
            let name = metadata.child("name");
            if name.text().len() > MAX_NAME {
                name.invalid(&meta::name::too_long(MAX_NAME));
            }
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |cron| rules(cron, Some(&old["spec"])))
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        const TEMPLATE: &str = "/spec/jobTemplate/spec/template";
        let mut all = if old.is_none() {
            name_warnings(new)
        } else {
            Vec::new()
        };
        let report = Report::default();
        let root = Field::root(&report, new);
        let spec = root.child("spec");
        let job = spec.child("jobTemplate");
        let of_job = job.child("spec");
        let was = old.and_then(|old| old.pointer(TEMPLATE));
        all.extend(warnings::of_template_at(&of_job.child("template"), was));
        all
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        let [containers, images] = container_columns();
        vec![
            NAME,
            Column::string("Schedule", "When jobs are started.").shows("batch.v1.CronJobSpec.schedule"),
            Column::string("Timezone", "In which time zone.").shows("batch.v1.CronJobSpec.timeZone"),
            boolean("Suspend", "Whether none are started for now.").shows("batch.v1.CronJobSpec.suspend"),
            integer("Active", "Jobs that are running.").shows("batch.v1.CronJobStatus.active"),
            Column::string("Last Schedule", "When a job was started last.")
                .shows("batch.v1.CronJobStatus.lastScheduleTime"),
            AGE,
            containers,
            images,
            selector_column().shows("batch.v1.JobSpec.selector"),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let suspend = match object["spec"]["suspend"].as_bool() {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        };
        let last = match text(object, &["status", "lastScheduleTime"]) {
            "" => or_none(""),
            time => since(time, now).into(),
        };
        let [containers, images] =
            containers_and_images(object.pointer("/spec/jobTemplate/spec/template/spec"));
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "schedule"]).into(),
                or_none(text(object, &["spec", "timeZone"])),
                suspend.into(),
                list(object, &["status", "active"]).len().into(),
                last,
                created(object, now),
                containers,
                images,
                or_none(&label_selector_text(
                    &object["spec"]["jobTemplate"]["spec"]["selector"],
                )),
            ],
            ..Row::default()
        }
    }
}

/// `old` is the spec as it was, if there was one.
fn rules(cron: &Field, old: Option<&Value>) {
    let spec = cron.child("spec");
    let (when, zone) = (spec.child("schedule"), spec.child("timeZone"));
    if when.is_empty() {
        when.required("");
    } else {
        let had_zone = old.is_some_and(|old| schedule::names_zone(text(old, &["schedule"])));
        schedule(&when, &zone, had_zone);
    }
    spec.child("startingDeadlineSeconds").non_negative();
    if zone.is_set() && old.is_none_or(|old| !same(old.get("timeZone"), zone.value())) {
        time_zone(&zone);
    }
    spec.child("concurrencyPolicy")
        .one_of(&["Allow", "Forbid", "Replace"]);
    let template = spec.child("jobTemplate");
    of_job(&template.child("spec"));
    for field in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        spec.child(field).non_negative();
    }
}

/// A schedule names a zone only if it did so before that was refused.
fn schedule(when: &Field, zone: &Field, had_zone: bool) {
    if let Err(why) = schedule::check(when.text()) {
        when.invalid(&why);
    }
    if !schedule::names_zone(when.text()) {
        return;
    }
    if !had_zone {
        when.invalid("cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    } else if zone.is_set() {
        when.invalid("cannot use both timeZone field and TZ or CRON_TZ in schedule");
    }
}

/// Jobs make their selectors themselves.
fn of_job(job: &Field) {
    job::validation::work(job);
    let selector = job.child("selector");
    if selector.is_set() {
        selector.invalid("`selector` will be auto-generated");
    }
    let manual = job.child("manualSelector");
    if manual.is_true() {
        manual.not_supported(&["nil", "false"]);
    }
}

fn time_zone(zone: &Field) {
    let text = zone.text();
    if text.is_empty() {
        zone.invalid("timeZone must be nil or non-empty string");
        return;
    }
    if text.eq_ignore_ascii_case("local") {
        zone.invalid("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    }
    // Upstream knows a zone of this very name.
    if text != "Local" && meta::time::zone(text).is_none() {
        zone.invalid(&format!("unknown time zone {text}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, defaulted};
    use serde_json::{Value, json};

    fn cron(field: &str, value: Value) -> Value {
        let template =
            json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
        let mut spec = json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}});
        spec[field] = value;
        json!({"metadata": {"name": "c"}, "spec": spec})
    }

    fn check(field: &str, value: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("batch", "cronjobs", cron(field, value)),
            expected,
            "{field}"
        );
    }

    #[test]
    fn wrong_cron_jobs_are_refused() {
        check("suspend", json!(true), &[]);
        check("schedule", json!(""), &["spec.schedule: Required value"]);
        check(
            "timeZone",
            json!("Mars/Base"),
            &[r#"spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base"#],
        );
        check(
            "concurrencyPolicy",
            json!("x"),
            &[
                r#"spec.concurrencyPolicy: Unsupported value: "x": supported values: "Allow", "Forbid", "Replace""#,
            ],
        );
    }

    #[test]
    fn names_leave_room_for_those_of_jobs() {
        let named = |length: usize| {
            let mut cron = cron("suspend", json!(true));
            cron["metadata"]["name"] = "j".repeat(length).into();
            create_errors("batch", "cronjobs", cron).len()
        };
        assert_eq!([named(52), named(53)], [0, 1]);
    }

    #[test]
    fn a_row_shows_the_schedule() {
        let cells = cells(
            "batch",
            "cronjobs",
            &defaulted("batch", "cronjobs", cron("timeZone", Value::Null)),
        );
        assert_eq!(
            cells[1..6],
            [
                json!("* * * * *"),
                json!("<none>"),
                json!("False"),
                json!(0),
                json!("<none>")
            ]
        );
    }
}
