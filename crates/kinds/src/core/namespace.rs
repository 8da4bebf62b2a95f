//! Namespaces.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::{Value, json};

use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{object_at, restore, when_empty};
use crate::toolkit::{Field, Report};

room! {
    /// Rooms for other objects.
    Namespace
}

/// The label by which selectors find a namespace by its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The finalizer behind which a namespace's contents are deleted.
const FINALIZER: &str = "kubernetes";

impl Strategy for Namespace {
    fn default(&self, object: &mut Value) {
        label_by_name(object);
        if let Some(status) = object_at(object, &["status"]) {
            when_empty(status, "phase", "Active");
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        let mut finalizers = list(object, &["spec", "finalizers"]).to_vec();
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            finalizers.push(FINALIZER.into());
        }
        object["spec"]["finalizers"] = finalizers.into();
        // It may have got its name only now.
        label_by_name(object);
        object["status"] = json!({"phase": "Active"});
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |namespace| {
            let spec = namespace.child("spec");
            let finalizers = spec.child("finalizers");
            for finalizer in finalizers.texts() {
                self::finalizer(&finalizers, finalizer);
            }
        })
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        restore(&mut new["spec"], &old["spec"], "finalizers");
    }

    fn validate_update(&self, _new: &Value, _old: &Value) -> ErrorList {
        ErrorList::new()
    }

    fn prepare_part_for_update(&self, subresource: &str, new: &mut Value, old: &Value) {
        if subresource == "finalize" {
            restore(new, old, "status");
        }
    }

    fn validate_part_update(&self, subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |namespace| match subresource {
            "status" => phase(namespace),
            "finalize" => {
                let spec = namespace.child("spec");
                for finalizer in spec.child("finalizers").items() {
                    self::finalizer(&finalizer, finalizer.text());
                }
            }
            _ => {}
        })
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        if prefix {
            meta::name::dns1123_label_prefix(name)
        } else {
            meta::name::dns1123_label(name)
        }
    }

    fn prepare_for_deletion(&self, object: &mut Value) {
        object["status"]["phase"] = "Terminating".into();
    }

    fn holds_deletion(&self, object: &Value) -> bool {
        !list(object, &["spec", "finalizers"]).is_empty()
    }

    fn compares_before_deletion(&self) -> bool {
        true
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        match subresource {
            "finalize" => &["status"],
            other => status_apart(other),
        }
    }

    fn selects_namespaces(&self) -> bool {
        false
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.phase"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![("status.phase", text(object, &["status", "phase"]).to_owned())]
    }

    fn columns(&self) -> Vec<Column> {
        vec![NAME, Column::string("Status", "The status of the namespace"), AGE]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![
                name(object),
                text(object, &["status", "phase"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

/// A namespace can be selected by its name.
fn label_by_name(namespace: &mut Value) {
    let name = Value::from(meta::object::name(namespace));
    if name != ""
        && let Some(labels) = object_at(namespace, &["metadata", "labels"])
    {
        labels.insert(NAME_LABEL.to_owned(), name);
    }
}

fn finalizer(place: &Field, name: &str) {
    for complaint in meta::name::qualified_name(name) {
        place.invalid_as(name, &complaint);
    }
    if !name.contains('/') && !matches!(name, FINALIZER | "orphan" | "foregroundDeletion") {
        place.invalid_as(
            name,
            "name is neither a standard finalizer name nor is it fully qualified",
        );
    }
}

fn phase(namespace: &Field) {
    let metadata = namespace.child("metadata");
    let status = namespace.child("status");
    let phase = status.text_of("phase");
    let place = status.standing_for("Phase", status.child("phase").value());
    if metadata.child("deletionTimestamp").is_set() {
        if phase != "Terminating" {
            place.invalid_as(
                phase,
                "may only be 'Terminating' if `deletionTimestamp` is not empty",
            );
        }
    } else if phase != "Active" {
        place.invalid_as(phase, "may only be 'Active' if `deletionTimestamp` is empty");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, part_errors};

    #[test]
    fn namespaces_begin_active_and_held() {
        let mut namespace = testing::defaulted("", "namespaces", json!({"metadata": {"name": "n"}}));
        testing::room("", "namespaces").prepare_for_create(&mut namespace);
        assert_eq!(
            namespace,
            json!({
                "metadata": {"name": "n", "labels": {"kubernetes.io/metadata.name": "n"}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            })
        );
        assert!(testing::room("", "namespaces").holds_deletion(&namespace));
    }

    #[test]
    fn finalizers_are_qualified() {
        let finalizing = |name: &str| {
            let namespace = json!({"spec": {"finalizers": [name]}});
            part_errors("", "namespaces", "finalize", &namespace, &namespace)
        };
        assert!(finalizing("kubernetes").is_empty() && finalizing("a.b/c").is_empty());
        assert_eq!(
            finalizing("abc"),
            [
                r#"spec.finalizers[0]: Invalid value: "abc": name is neither a standard finalizer name nor is it fully qualified"#
            ]
        );
    }

    #[test]
    fn the_phase_follows_deletion() {
        let active = json!({"status": {"phase": "Active"}});
        assert!(part_errors("", "namespaces", "status", &active, &active).is_empty());
        let wrong = json!({"status": {"phase": "Terminating"}});
        assert_eq!(
            part_errors("", "namespaces", "status", &wrong, &active),
            [
                r#"status.Phase: Invalid value: "Terminating": may only be 'Active' if `deletionTimestamp` is empty"#
            ]
        );
    }
}
