//! Events, as their own group has them. They are stored as the core group has them.

use std::time::Duration;

use meta::{ErrorList, GroupVersionKind};
use resource::{Column, DefaultPropagation, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::core::event as core_event;
use crate::room::room;
use crate::toolkit::checks::IMMUTABLE;
use crate::toolkit::{Field, Report, same, same_field};

room! {
    /// What has happened to another object.
    Event
}

/// Names here and in the core group.
const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Makes an empty value.
type Empty = fn() -> Value;

/// What is there in the core group, even if empty.
const ALWAYS_IN_CORE: [(&str, Empty); 7] = [
    ("involvedObject", || json!({})),
    ("source", || json!({})),
    ("firstTimestamp", || Value::Null),
    ("lastTimestamp", || Value::Null),
    ("eventTime", || Value::Null),
    ("reportingComponent", || json!("")),
    ("reportingInstance", || json!("")),
];

const HERE: core_event::Names = core_event::Names {
    object: "regarding",
    controller: "reportingController",
    message: "note",
};

/// What stays as it was reported, in the order in which it is looked at; upstream looks at the reason twice.
const KEPT: [&str; 14] = [
    "regarding",
    "reason",
    "note",
    "deprecatedSource",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "deprecatedCount",
    "reason",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingController",
    "reportingInstance",
];

const SELECTABLE: &[&str] = &[
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reason",
    "reportingController",
    "type",
];

impl Strategy for Event {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn converts(&self) -> bool {
        true
    }

    fn convert_to_stored(&self, object: &mut Value) {
        to_core(object);
    }

    fn convert_from_stored(&self, object: &mut Value) {
        from_core(object);
    }

    fn named_in_refusals(&self) -> Option<&'static GroupVersionKind> {
        static CORE: GroupVersionKind = GroupVersionKind::new("", "v1", "Event");
        Some(&CORE)
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |event| {
            core_event::rules(event, &HERE);
            if !same_field(new, old, "series") {
                series(&event.child("series"));
            }
            for field in KEPT {
                unchanged(event, field, old.get(field));
            }
        })
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Unsupported
    }

    fn time_to_live(&self) -> Option<Duration> {
        Some(core_event::TIME_TO_LIVE)
    }

    fn lists_any_version_whole(&self) -> bool {
        false
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        SELECTABLE
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let value = |field: &str| match field.split_once('.') {
            Some((outer, inner)) => object[outer][inner].as_str().unwrap_or("").to_owned(),
            None => object[field].as_str().unwrap_or("").to_owned(),
        };
        SELECTABLE.iter().map(|&field| (field, value(field))).collect()
    }

    fn columns(&self) -> Vec<Column> {
        core_event::columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let mut event = object.clone();
        to_core(&mut event);
        core_event::row(&event, now)
    }
}

fn name_in_core(field: &'static str) -> &'static str {
    match NAMES.iter().find(|(here, _)| *here == field) {
        // Upstream's paths keep these two names of ours.
        Some((here @ ("reportingController" | "regarding"), core)) => {
            if *here == "regarding" {
                core
            } else {
                here
            }
        }
        Some((_, core)) => core,
        None => field,
    }
}

/// Says so if a field is not as it was.
fn unchanged(event: &Field, field: &'static str, old: Option<&Value>) {
    let (here, name) = (event.child(field), name_in_core(field));
    if same(here.value(), old) {
        return;
    }
    let place = event.standing_for(name, here.value());
    match field {
        // Numbers and texts that are not there are printed as nothing of their kind.
        "deprecatedCount" => place.invalid_as(here.number(), IMMUTABLE),
        "deprecatedFirstTimestamp" | "deprecatedLastTimestamp" | "eventTime" | "related" => {
            place.invalid_printed(&here.printed(), IMMUTABLE);
        }
        "regarding" | "deprecatedSource" => place.invalid_printed(&here.printed(), IMMUTABLE),
        _ => place.invalid_as(here.text(), IMMUTABLE),
    }
}

fn to_core(event: &mut Value) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    for (here, core) in NAMES {
        if let Some(value) = fields.remove(here) {
            fields.insert(core.to_owned(), value);
        }
    }
    for (field, empty) in ALWAYS_IN_CORE {
        fields.entry(field).or_insert_with(empty);
    }
    fields.insert("apiVersion".to_owned(), "v1".into());
}

fn from_core(event: &mut Value) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    for (here, core) in NAMES {
        let Some(value) = fields.remove(core) else {
            continue;
        };
        let is_left_out = match here {
            "deprecatedFirstTimestamp" | "deprecatedLastTimestamp" => false,
            _ => value == "" || value.is_null() || value == 0,
        };
        if !is_left_out {
            fields.insert(here.to_owned(), value);
        }
    }
    if fields
        .get("reportingInstance")
        .is_some_and(|instance| instance == "")
    {
        fields.remove("reportingInstance");
    }
    fields.insert("apiVersion".to_owned(), "events.k8s.io/v1".into());
}

fn rules(event: &Field) {
    core_event::rules(event, &HERE);
    series(&event.child("series"));
    let time = event.child("eventTime");
    if !time.is_set() {
        time.required("");
    }
    let kind = event.child("type");
    if !matches!(kind.text(), "Normal" | "Warning") {
        kind.invalid_as("", &format!("has invalid value: {}", kind.text()));
    }
    for field in [
        "deprecatedFirstTimestamp",
        "deprecatedLastTimestamp",
        "deprecatedCount",
    ] {
        let value = event.child(field);
        if value.is_set() && value.int() != Some(0) {
            event
                .standing_for(name_in_core(field), value.value())
                .invalid_as("", "needs to be unset");
        }
    }
    let source = event.child("deprecatedSource");
    if !source.text_of("component").is_empty() || !source.text_of("host").is_empty() {
        event
            .standing_for("source", source.value())
            .invalid_as("", "needs to be unset");
    }
}

fn series(series: &Field) {
    if !series.is_set() {
        return;
    }
    let (count, time) = (series.child("count"), series.child("lastObservedTime"));
    if count.number() < 2 {
        count.invalid_as("", "should be at least 2");
    }
    if !time.is_set() {
        time.required("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create_errors;

    #[test]
    fn events_are_stored_as_the_core_group_has_them() {
        let event = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {}, "regarding": {"name": "p"}, "note": "n",
            "reportingController": "a.b/c", "reportingInstance": "i", "eventTime": "t", "deprecatedSource": {},
            "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
        });
        let mut stored = event.clone();
        to_core(&mut stored);
        assert_eq!(
            stored,
            json!({
                "apiVersion": "v1", "kind": "Event", "metadata": {}, "involvedObject": {"name": "p"}, "message": "n", "source": {},
                "reportingComponent": "a.b/c", "reportingInstance": "i", "eventTime": "t",
                "firstTimestamp": null, "lastTimestamp": null,
            })
        );
        from_core(&mut stored);
        assert_eq!(stored, event);
    }

    #[test]
    fn old_fields_are_not_for_new_events() {
        let event = json!({
            "metadata": {"namespace": "a"}, "regarding": {"namespace": "a"}, "eventTime": "2020-01-01T00:00:00.000000Z",
            "reportingController": "a.b/c", "reportingInstance": "i", "action": "a", "reason": "r", "type": "Panic",
            "deprecatedCount": 3, "deprecatedSource": {"host": "h"}, "series": {"count": 1},
        });
        assert_eq!(
            create_errors("events.k8s.io", "events", event),
            [
                r#"series.count: Invalid value: "": should be at least 2"#,
                "series.lastObservedTime: Required value",
                r#"type: Invalid value: "": has invalid value: Panic"#,
                r#"count: Invalid value: "": needs to be unset"#,
                r#"source: Invalid value: "": needs to be unset"#,
            ]
        );
    }
}
