//! Jobs.

pub mod columns;
pub mod failure_policy;
pub mod indexes;
pub mod selector;
pub mod status;
pub mod success_policy;
pub mod update;
pub mod validation;

use meta::ErrorList;
use resource::{Column, DefaultPropagation, Row, Strategy};
use serde_json::Value;

use crate::apps::workload::name_warnings;
use crate::core::pod::{defaults, warnings};
use crate::room::{room, status_apart};
use crate::toolkit::Report;
use crate::toolkit::columns::number;
use crate::toolkit::defaults::{has, object_at, object_in, objects, when_empty, when_missing};

room! {
    /// Pods that are to run to their end.
    Job
}

impl Strategy for Job {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        if !has(spec, "completions") && !has(spec, "parallelism") {
            when_missing(spec, "completions", 1);
        }
        when_missing(spec, "parallelism", 1);
        let retries = if has(spec, "backoffLimitPerIndex") {
            i32::MAX
        } else {
            6
        };
        when_missing(spec, "backoffLimit", retries);
        when_missing(spec, "completionMode", "NonIndexed");
        when_missing(spec, "suspend", false);
        when_missing(spec, "manualSelector", false);
        let replacement = if has(spec, "podFailurePolicy") {
            "Failed"
        } else {
            "TerminatingOrFailed"
        };
        when_missing(spec, "podReplacementPolicy", replacement);
        if let Some(policy) = object_in(spec, "podFailurePolicy") {
            for rule in objects(policy, "rules") {
                for pattern in objects(rule, "onPodConditions") {
                    when_empty(pattern, "status", "True");
                }
            }
        }
        defaults::template(spec);
        selector::labels_of_template(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        selector::generate(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, validation::rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |job| update::rules(job, old))
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |job| status::rules(job, old))
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut all = if old.is_none() {
            name_warnings(new)
        } else {
            Vec::new()
        };
        all.extend(warnings::of_template(new, old));
        all
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn silent_deletion_warning(&self) -> Option<&'static str> {
        Some(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or \
             set propagationPolicy=Orphan to suppress this warning",
        )
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Orphan
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![(
            "status.successful",
            number(object, &["status", "succeeded"]).to_string(),
        )]
    }

    fn unknown_field_label(&self, label: &str) -> String {
        format!("field label {} not supported for Job", meta::quote(label))
    }

    fn columns(&self) -> Vec<Column> {
        columns::columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        columns::row(object, now)
    }
}
