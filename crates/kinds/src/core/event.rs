//! Events, as the core group has them. Another group serves the same objects under other names.

use std::time::Duration;

use meta::ErrorList;
use resource::{Column, DefaultPropagation, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{at, name, number, since, text};
use crate::toolkit::{Field, Report};

room! {
    /// What has happened to another object.
    Event
}

/// Fields that a selector may name.
const SELECTABLE: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// Events are forgotten after an hour.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(3600);

impl Strategy for Event {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::NONE
    }

    fn checks_metadata_of_new(&self) -> bool {
        false
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |event| rules(event, &AS_CORE))
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        if prefix {
            meta::name::path_segment_prefix(name)
        } else {
            meta::name::path_segment(name)
        }
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Unsupported
    }

    fn time_to_live(&self) -> Option<Duration> {
        Some(TIME_TO_LIVE)
    }

    fn lists_any_version_whole(&self) -> bool {
        false
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        SELECTABLE
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        SELECTABLE
            .iter()
            .map(|&field| (field, selectable(object, field)))
            .collect()
    }

    fn columns(&self) -> Vec<Column> {
        columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        row(object, now)
    }
}

fn selectable(event: &Value, field: &str) -> String {
    let found = match field {
        "source" => source(event).0,
        field => match field.split_once('.') {
            Some((object, field)) => text(event, &[object, field]),
            None => text(event, &[field]),
        },
    };
    found.to_owned()
}

/// Who reports, and from where.
fn source(event: &Value) -> (&str, &str) {
    let first = |a: &'static [&'static str], b: &'static str| match text(event, a) {
        "" => text(event, &[b]),
        found => found,
    };
    (
        first(&["source", "component"], "reportingComponent"),
        first(&["source", "host"], "reportingInstance"),
    )
}

/// What the fields are called in a group.
pub struct Names {
    /// The object it is about.
    pub object: &'static str,
    /// Who reports.
    pub controller: &'static str,
    /// The text for people.
    pub message: &'static str,
}

/// In the core group.
const AS_CORE: Names = Names {
    object: "involvedObject",
    controller: "reportingComponent",
    message: "message",
};

const ANOTHER_NAMESPACE: &str = "does not match event.namespace";
const MAX_WORD: usize = 128;
const MAX_MESSAGE: usize = 1024;

/// The rules for events of both groups. Paths are those of the core group, whatever the fields are called.
pub fn rules(event: &Field, names: &Names) {
    let metadata = event.child("metadata");
    let namespace = metadata.text_of("namespace");
    let object = event.standing_for(AS_CORE.object, event.child(names.object).value());
    let place = object.child("namespace");
    let of_object = place.text();
    if event.child("eventTime").is_set() {
        if of_object.is_empty() && !matches!(namespace, "default" | "kube-system") {
            place.invalid_as("", ANOTHER_NAMESPACE);
        }
        let controller = event.child(names.controller);
        controller.needed();
        controller.qualified_name();
        for field in ["reportingInstance", "action", "reason"] {
            let field = event.child(field);
            field.needed();
            at_most(&field, MAX_WORD, field.text());
        }
        let message = event.standing_for(AS_CORE.message, event.child(names.message).value());
        at_most(&message, MAX_MESSAGE, message.text());
    } else if of_object.is_empty() {
        if !matches!(namespace, "" | "default") {
            place.invalid_as("", ANOTHER_NAMESPACE);
        }
    } else if of_object != namespace {
        place.invalid_as(of_object, ANOTHER_NAMESPACE);
    }
}

fn at_most(place: &Field, most: usize, text: &str) {
    if text.len() > most {
        place.invalid_as("", &format!("can have at most {most} characters"));
    }
}

/// Columns of events of both groups.
pub fn columns() -> Vec<Column> {
    vec![
        Column::string("Last Seen", "When it happened last.").shows("core.v1.Event.lastTimestamp"),
        Column::string("Type", "Whether it is normal or a warning.").shows("core.v1.Event.type"),
        Column::string("Reason", "What happened, in a word.").shows("core.v1.Event.reason"),
        Column::string("Object", "To what it happened.").shows("core.v1.Event.involvedObject"),
        Column::string("Subobject", "To which part of it.")
            .shows("core.v1.ObjectReference.fieldPath")
            .wide(),
        Column::string("Source", "Who reports it, and from where.")
            .shows("core.v1.Event.source")
            .wide(),
        Column::string("Message", "What happened, for people.").shows("core.v1.Event.message"),
        Column::string("First Seen", "When it happened first.")
            .shows("core.v1.Event.firstTimestamp")
            .wide(),
        Column::string("Count", "How often it happened.")
            .shows("core.v1.Event.count")
            .wide(),
        crate::toolkit::columns::NAME.wide(),
    ]
}

/// One event, as the core group has it.
pub fn row(event: &Value, now: i64) -> Row {
    let time = |field: &str| text(event, &[field]);
    let ago = |time: &str| since(&to_seconds(time), now);
    let first = match time("firstTimestamp") {
        "" => ago(time("eventTime")),
        first => ago(first),
    };
    let mut last = match time("lastTimestamp") {
        "" => first.clone(),
        last => ago(last),
    };
    let mut count = number(event, &["count"]).max(1);
    if let Some(series) = at(event, &["series"]).filter(|series| !series.is_null()) {
        last = ago(text(series, &["lastObservedTime"]));
        count = number(series, &["count"]);
    }
    let kind = text(event, &["involvedObject", "kind"]).to_lowercase();
    let object = match text(event, &["involvedObject", "name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let source = match source(event) {
        (component, "") => component.to_owned(),
        (component, instance) => format!("{component}, {instance}"),
    };
    Row {
        cells: vec![
            last.into(),
            text(event, &["type"]).into(),
            text(event, &["reason"]).into(),
            object.into(),
            text(event, &["involvedObject", "fieldPath"]).into(),
            source.into(),
            text(event, &["message"]).trim().into(),
            first.into(),
            count.into(),
            name(event),
        ],
        ..Row::default()
    }
}

/// A time with microseconds, without them.
fn to_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors};
    use serde_json::{Value, json};

    fn check(event: Value, expected: &[&str]) {
        assert_eq!(create_errors("", "events", event), expected);
    }

    #[test]
    fn an_event_stands_beside_its_object() {
        let at = |namespace: &str, of_object: &str| json!({"metadata": {"namespace": namespace}, "involvedObject": {"namespace": of_object}});
        check(at("a", "a"), &[]);
        check(at("default", ""), &[]);
        check(
            at("a", ""),
            &[r#"involvedObject.namespace: Invalid value: "": does not match event.namespace"#],
        );
        check(
            at("a", "b"),
            &[r#"involvedObject.namespace: Invalid value: "b": does not match event.namespace"#],
        );
    }

    #[test]
    fn new_events_are_complete() {
        let event = json!({
            "metadata": {"namespace": "a"}, "involvedObject": {"namespace": "a"}, "eventTime": "2020-01-01T00:00:00.000000Z",
            "reportingComponent": "a.b/c", "reportingInstance": "i", "action": "x".repeat(129), "reason": "",
        });
        check(
            event,
            &[
                r#"action: Invalid value: "": can have at most 128 characters"#,
                "reason: Required value",
            ],
        );
    }

    #[test]
    fn a_row_tells_what_happened() {
        let event = json!({
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "source": {"component": "kubelet", "host": "h"},
            "message": " hello ", "type": "Normal", "firstTimestamp": "1970-01-01T00:00:00Z",
        });
        let cells = cells("", "events", &event);
        assert_eq!(cells[3], "pod/p");
        assert_eq!(
            cells[5..9],
            [json!("kubelet, h"), json!("hello"), json!("0s"), json!(1)]
        );
    }
}
