//! Controller revisions.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, list, name, number, or_none, text};
use crate::toolkit::{Field, Report};

room! {
    /// An earlier state of a workload.
    ControllerRevision
}

impl Strategy for ControllerRevision {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |revision| {
            rules(revision);
            data(&revision.child("data"));
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |revision| {
            rules(revision);
            revision.child("data").immutable(old.get("data"));
        })
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Controller", "Controller of the object"),
            Column::string("Revision", "Which of its states.").shows("apps.v1.ControllerRevision.revision"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let mut owners = list(object, &["metadata", "ownerReferences"]).iter();
        let controller = owners
            .find(|owner| owner["controller"] == Value::Bool(true))
            .map_or_else(String::new, |owner| {
                let (version, kind) = (
                    text(owner, &["apiVersion"]),
                    text(owner, &["kind"]).to_lowercase(),
                );
                let kind = match version.split_once('/') {
                    Some((group, _)) => format!("{kind}.{group}"),
                    None => kind,
                };
                format!("{kind}/{}", text(owner, &["name"]))
            });
        Row {
            cells: vec![
                name(object),
                or_none(&controller),
                number(object, &["revision"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(revision: &Field) {
    revision.child("revision").non_negative();
}

/// What a revision keeps is an object of some kind.
fn data(data: &Field) {
    match data.value() {
        None => data.required("data is mandatory"),
        Some(Value::Object(_)) => {}
        Some(_) => data.required("data must be a valid JSON object"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, update_errors};
    use serde_json::json;

    #[test]
    fn data_is_there_and_stays() {
        assert_eq!(
            create_errors("apps", "controllerrevisions", json!({"revision": -1})),
            [
                "revision: Invalid value: -1: must be greater than or equal to 0",
                "data: Required value: data is mandatory",
            ]
        );
        assert_eq!(
            update_errors(
                "apps",
                "controllerrevisions",
                &json!({"data": {"b": 1}}),
                &json!({"data": {"a": 1}})
            ),
            [r#"data: Invalid value: {"b":1}: field is immutable"#]
        );
    }

    #[test]
    fn a_row_names_the_workload() {
        let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "controller": true});
        let revision = json!({"metadata": {"ownerReferences": [owner]}, "revision": 7});
        assert_eq!(
            cells("apps", "controllerrevisions", &revision)[1..3],
            [json!("statefulset.apps/s"), json!(7)]
        );
    }
}
