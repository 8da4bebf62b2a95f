//! Persistent volume claims.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::{Value, json};

use super::claim;
use super::persistent_volume::{class, phase, short_modes};
use super::pod::defaults::volume;
use super::pod::internal;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{object_at, remove, restore, when_empty};
use crate::toolkit::quantity::{self};
use crate::toolkit::{Field, Report, same, same_field};

room! {
    /// A request for storage.
    PersistentVolumeClaim
}

const FROZEN: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

impl Strategy for PersistentVolumeClaim {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec"]) {
            volume::claim_spec(spec);
        }
        if let Some(status) = object_at(object, &["status"]) {
            when_empty(status, "phase", "Pending");
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"phase": "Pending"});
        old_source(&mut object["spec"]);
        both_sources(&mut object["spec"]);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |object| claim::spec(&object.child("spec")))
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        if old["spec"]["dataSource"].is_null() {
            old_source(&mut new["spec"]);
        }
        both_sources(&mut new["spec"]);
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |object| {
            let spec = object.child("spec");
            claim::spec(&spec);
            changes(&spec, old);
        })
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |object| {
            let status = object.child("status");
            for (_, amount) in status.child("capacity").entries() {
                if quantity::read(amount.value()).is_some_and(|amount| amount.sign() < 0) {
                    amount.invalid("must be greater than or equal to 0");
                }
            }
        })
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let mut warnings = Vec::new();
        for list in ["requests", "limits"] {
            let amount = quantity::of(&new["spec"]["resources"][list], "storage");
            if let Some(bytes) = amount.filter(|bytes| !quantity::is_whole(*bytes)) {
                warnings.push(format!(
                    "spec.resources.{list}[storage]: fractional byte value \"{bytes}\" is invalid, must be an integer"
                ));
            }
        }
        warnings
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["name"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        // Kept for clients that once used it.
        vec![("name", meta::object::name(object).to_owned())]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Status", "Whether there is storage for it.")
                .shows("core.v1.PersistentVolumeClaimStatus.phase"),
            Column::string("Volume", "The storage.").shows("core.v1.PersistentVolumeClaimSpec.volumeName"),
            Column::string("Capacity", "Its size.").shows("core.v1.PersistentVolumeClaimStatus.capacity"),
            Column::string("Access Modes", "How it may be used.")
                .shows("core.v1.PersistentVolumeClaimStatus.accessModes"),
            Column::string("StorageClass", "What sort of storage is asked for."),
            Column::string("VolumeAttributesClass", "Which attributes are asked for."),
            AGE,
            Column::string("VolumeMode", "Whether it is a file system or a device.")
                .shows("core.v1.PersistentVolumeClaimSpec.volumeMode")
                .wide(),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let spec = |field: &str| text(object, &["spec", field]);
        let volume = spec("volumeName");
        let (capacity, modes) = if volume.is_empty() {
            (String::new(), String::new())
        } else {
            let capacity = quantity::of(&object["status"]["capacity"], "storage").unwrap_or_default();
            (
                capacity.to_string(),
                short_modes(list(object, &["status", "accessModes"])),
            )
        };
        Row {
            cells: vec![
                name(object),
                phase(object).into(),
                volume.into(),
                capacity.into(),
                modes.into(),
                spec("storageClassName").into(),
                class(spec("volumeAttributesClassName")),
                created(object, now),
                class(spec("volumeMode")),
            ],
            ..Row::default()
        }
    }
}

/// Whether this can stand in the older of the two fields.
fn is_claim_or_snapshot(source: &Value) -> bool {
    match text(source, &["kind"]) {
        "PersistentVolumeClaim" => text(source, &["apiGroup"]).is_empty(),
        "VolumeSnapshot" => text(source, &["apiGroup"]) == "snapshot.storage.k8s.io",
        _ => false,
    }
}

/// The older field never took anything else, and forgets it silently.
fn old_source(spec: &mut Value) {
    if spec
        .get("dataSource")
        .is_some_and(|source| !is_claim_or_snapshot(source))
    {
        remove(spec, &["dataSource"]);
    }
}

/// Two fields name the source of the data; what is in one is in the other.
fn both_sources(spec: &mut Value) {
    // References across namespaces are off by default.
    remove(spec, &["dataSourceRef", "namespace"]);
    let (old, new) = (
        spec.get("dataSource").cloned(),
        spec.get("dataSourceRef").cloned(),
    );
    match (old.filter(|v| !v.is_null()), new.filter(|v| !v.is_null())) {
        (Some(old), None) => spec["dataSourceRef"] = old,
        (None, Some(new)) if is_claim_or_snapshot(&new) => spec["dataSource"] = new,
        _ => {}
    }
}

fn changes(spec: &Field, old: &Value) {
    let (Some(new), is_bound) = (spec.value(), old["status"]["phase"] == "Bound") else {
        return;
    };
    let old_spec = &old["spec"];
    let mut free = new.clone();
    // A claim is bound by whoever finds a volume for it.
    if text(old_spec, &["volumeName"]).is_empty() {
        restore(&mut free, old_spec, "volumeName");
    }
    if is_bound {
        restore(&mut free["resources"], &old_spec["resources"], "requests");
        restore(&mut free, old_spec, "volumeAttributesClassName");
        not_smaller(spec, old_spec);
    }
    if text(old_spec, &["storageClassName"]).is_empty() && old_spec["storageClassName"].is_null() {
        restore(&mut free, old_spec, "storageClassName");
    }
    if !same(Some(&free), Some(old_spec)) {
        spec.forbidden(&format!(
            "{FROZEN}\n{}",
            internal::diff(old_spec, &free, spec.schema())
        ));
    }
    if !same_field(new, old_spec, "volumeMode") {
        spec.child("volumeMode").invalid("field is immutable");
    }
}

fn not_smaller(spec: &Field, old: &Value) {
    let resources = spec.child("resources");
    let requests = resources.child("requests");
    let storage = requests.child("storage");
    let was = quantity::of(&old["resources"]["requests"], "storage");
    if let (Some(is), Some(was)) = (quantity::read(storage.value()), was)
        && is < was
    {
        storage.forbidden("field can not be less than status.capacity");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create_errors, defaulted, update_errors};

    fn object(field: &str, value: Value) -> Value {
        let mut spec =
            json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        spec[field] = value;
        defaulted("", "persistentvolumeclaims", json!({"spec": spec}))
    }

    #[test]
    fn wrong_claims_are_refused() {
        let errors =
            |field: &str, value: Value| create_errors("", "persistentvolumeclaims", object(field, value));
        assert!(errors("storageClassName", json!("")).is_empty());
        assert_eq!(
            errors("accessModes", json!([])),
            ["spec.accessModes: Required value: at least 1 access mode is required"]
        );
        assert_eq!(
            errors("resources", json!({})),
            ["spec.resources[storage]: Required value"]
        );
        assert_eq!(
            errors("resources", json!({"requests": {"storage": "-5"}})),
            [r#"spec.resources[storage]: Invalid value: "-5": must be greater than zero"#,]
        );
    }

    #[test]
    fn both_fields_name_the_source() {
        let mut spec = json!({"dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}});
        both_sources(&mut spec);
        assert_eq!(spec["dataSourceRef"], spec["dataSource"]);
        let mut spec = json!({"dataSource": {"kind": "ConfigMap", "name": "x"}});
        old_source(&mut spec);
        assert_eq!(spec, json!({}));
    }

    #[test]
    fn a_claim_stays_but_can_grow() {
        let sized = |size: &str| {
            let mut object = object("resources", json!({"requests": {"storage": size}}));
            object["status"]["phase"] = "Bound".into();
            object
        };
        let errors = |new: &Value, old: &Value| update_errors("", "persistentvolumeclaims", new, old);
        assert!(errors(&sized("2Gi"), &sized("1Gi")).is_empty());
        assert_eq!(errors(&sized("1Gi"), &sized("2Gi")).len(), 1);
        let refused = errors(
            &object("selector", json!({"matchLabels": {"a": "b"}})),
            &object("selector", Value::Null),
        );
        assert!(
            refused[0].starts_with("spec: Forbidden: spec is immutable after creation except"),
            "{refused:?}"
        );
    }
}
