//! Persistent volume claims.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use schema::SchemaRef;
use serde_json::{Value, json};

use super::claim;
use super::persistent_volume::{class, phase, short_modes};
use super::pod::defaults::volume;
use super::pod::internal;
use super::resources::is_native;
use crate::room::{room, status_apart};
use crate::toolkit::checks::IMMUTABLE;
use crate::toolkit::columns::{AGE, NAME, at, created, list, name, text};
use crate::toolkit::defaults::{object_at, remove, restore, when_empty};
use crate::toolkit::quantity::{self};
use crate::toolkit::{Field, Report, same, same_as, same_field};

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
        without_foreign_source(&mut object["spec"], &Value::Null);
        old_source(&mut object["spec"]);
        both_sources(&mut object["spec"]);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |object| claim::spec(&object.child("spec")))
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        without_foreign_source(&mut new["spec"], &old["spec"]);
        if old["spec"]["dataSource"].is_null() && old["spec"]["dataSourceRef"].is_null() {
            old_source(&mut new["spec"]);
        }
        both_sources(&mut new["spec"]);
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |object| {
            let spec = object.child("spec");
            claim::changed_spec(&spec, &old["spec"]);
            changes(object, old);
        })
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, status)
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let mut warnings = Vec::new();
        if at(new, &["metadata", "annotations", CLASS_ANNOTATION]).is_some() {
            warnings.push(format!(
                "metadata.annotations[{CLASS_ANNOTATION}]: deprecated since v1.8; use \"storageClassName\" attribute instead"
            ));
        }
        warnings.extend(claim::warnings("spec", &new["spec"]));
        warnings
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
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
            Column::string("StorageClass", "StorageClass of the pvc"),
            Column::string("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
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
                storage_class(object).into(),
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

/// References across namespaces are off by default: one that is new is forgotten.
fn without_foreign_source(spec: &mut Value, old: &Value) {
    if !text(spec, &["dataSourceRef", "namespace"]).is_empty() && old["dataSourceRef"].is_null() {
        remove(spec, &["dataSourceRef"]);
    }
}

/// The older field alone never took anything else, and forgets it silently.
fn old_source(spec: &mut Value) {
    let has_reference = spec.get("dataSourceRef").is_some_and(|source| !source.is_null());
    if has_reference {
        return;
    }
    if spec
        .get("dataSource")
        .is_some_and(|source| !is_claim_or_snapshot(source))
    {
        remove(spec, &["dataSource"]);
    }
}

/// Two fields name the source of the data; what is in one is in the other.
fn both_sources(spec: &mut Value) {
    let (old, new) = (
        spec.get("dataSource").cloned(),
        spec.get("dataSourceRef").cloned(),
    );
    match (old.filter(|v| !v.is_null()), new.filter(|v| !v.is_null())) {
        (Some(old), None) => spec["dataSourceRef"] = old,
        (None, Some(mut new)) if text(&new, &["namespace"]).is_empty() => {
            remove(&mut new, &["namespace"]);
            spec["dataSource"] = new;
        }
        _ => {}
    }
}

/// The class of a claim: the annotation that came before the field, if there is one.
fn storage_class(claim: &Value) -> &str {
    let annotated = claim["metadata"]["annotations"][CLASS_ANNOTATION].as_str();
    annotated.unwrap_or_else(|| text(claim, &["spec", "storageClassName"]))
}

const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

fn changes(claim: &Field, old: &Value) {
    let spec = claim.child("spec");
    let Some(new) = spec.value() else {
        return;
    };
    let old_spec = &old["spec"];
    let free = thawed(claim, new, old);
    if !same_as(Some(&free), Some(old_spec), spec.schema()) {
        spec.forbidden(&format!(
            "{FROZEN}\n{}",
            shown_difference(old_spec, free, new, spec.schema())
        ));
    }
    not_smaller(&spec, old);
    if !same_field(new, old_spec, "volumeMode") {
        // Upstream's path starts at the field.
        let mode = spec.child("volumeMode");
        claim.standing_for("volumeMode", mode.value()).invalid(IMMUTABLE);
    }
    attributes_class(&spec.child("volumeAttributesClassName"), old);
}

/// What differs, where the volume that is chosen stands on both sides.
fn shown_difference(old_spec: &Value, mut free: Value, new: &Value, schema: Option<SchemaRef<'_>>) -> String {
    let mut before = old_spec.clone();
    if text(old_spec, &["volumeName"]).is_empty() {
        restore(&mut before, new, "volumeName");
        restore(&mut free, new, "volumeName");
    }
    internal::diff(&before, &free, schema)
}

/// The new spec with everything that may change put back.
fn thawed(claim: &Field, new: &Value, old: &Value) -> Value {
    let old_spec = &old["spec"];
    let mut free = new.clone();
    // A claim is bound by whoever finds a volume for it.
    if text(old_spec, &["volumeName"]).is_empty() {
        restore(&mut free, old_spec, "volumeName");
    }
    if old["status"]["phase"] == "Bound" && free["resources"]["requests"].is_object() {
        restore(
            &mut free["resources"]["requests"],
            &old_spec["resources"]["requests"],
            "storage",
        );
    }
    if old["status"]["phase"] == "Bound" {
        restore(&mut free, old_spec, "volumeAttributesClassName");
    }
    if may_get_a_class(claim, new, old) {
        restore(&mut free, old_spec, "storageClassName");
    }
    free
}

/// A claim without a class gets one once, which is the one of its annotation, if it has that. The annotation itself stays.
fn may_get_a_class(claim: &Field, new: &Value, old: &Value) -> bool {
    let metadata = claim.child("metadata");
    let annotations = metadata.child("annotations");
    let is = annotations.child(CLASS_ANNOTATION);
    let was = old["metadata"]["annotations"][CLASS_ANNOTATION].as_str();
    let had_none = old["spec"]["storageClassName"].is_null();
    let class = new["storageClassName"].as_str();
    let moved_to_field =
        had_none && was.is_some() && class == was && (!is.is_set() || Some(is.text()) == was);
    if !moved_to_field && is.text() != was.unwrap_or("") {
        is.invalid_as(is.text(), IMMUTABLE);
    }
    had_none && class.is_some() && (was.is_none() || class == was)
}

/// A claim shrinks only back to what it has, if it could not grow.
fn not_smaller(spec: &Field, old: &Value) {
    let resources = spec.child("resources");
    let requests = resources.child("requests");
    let storage = requests.child("storage");
    let size = |value: &Value| quantity::of(value, "storage").unwrap_or_default();
    let is = quantity::read(storage.value()).unwrap_or_default();
    if is < size(&old["spec"]["resources"]["requests"]) && is <= size(&old["status"]["capacity"]) {
        storage.forbidden("field can not be less than status.capacity");
    }
}

/// A class that has taken effect can only be followed by another.
fn attributes_class(class: &Field, old: &Value) {
    const IN_USE: &str = "is forbidden when status.currentVolumeAttributesClassName is not nil";
    let was = &old["spec"]["volumeAttributesClassName"];
    if same(class.value(), Some(was)) || old["status"]["currentVolumeAttributesClassName"].is_null() {
        return;
    }
    if !class.is_set() {
        class.forbidden(&format!("update to nil {IN_USE}"));
    } else if class.is_empty() {
        class.forbidden(&format!("update to empty string {IN_USE}"));
    }
}

/// What a status may say.
fn status(claim: &Field) {
    let spec = claim.child("spec");
    if spec.child("accessModes").is_empty() {
        // Upstream's path.
        let named = claim.child("Spec");
        named.child("accessModes").required("");
    }
    let status = claim.child("status");
    for (_, amount) in status.child("capacity").entries() {
        claim::not_negative(&amount);
    }
    const RESIZE: &[&str] = &[
        "ControllerResizeInProgress",
        "ControllerResizeInfeasible",
        "NodeResizeInProgress",
        "NodeResizeInfeasible",
        "NodeResizePending",
    ];
    let statuses = status.child("allocatedResourceStatuses");
    for (resource, phase) in statuses.entries() {
        resource_name(&statuses, resource);
        if !RESIZE.contains(&phase.text()) {
            statuses.not_supported_as(resource, RESIZE);
        }
    }
    let allocated = status.child("allocatedResources");
    for (resource, amount) in allocated.entries() {
        if resource_name(&allocated, resource) {
            claim::not_negative(&amount);
        }
    }
}

/// Of Kubernetes' own resources a claim has only storage. Whether the name is good.
fn resource_name(place: &Field, resource: &str) -> bool {
    let complaints = meta::name::qualified_name(resource);
    for complaint in &complaints {
        place.invalid_as(resource, complaint);
    }
    if complaints.is_empty() && is_native(resource) && resource != "storage" {
        place.not_supported_as(resource, &["storage"]);
        return false;
    }
    complaints.is_empty()
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
            object["status"] = json!({"phase": "Bound", "capacity": {"storage": "1Gi"}});
            object
        };
        let errors = |new: &Value, old: &Value| update_errors("", "persistentvolumeclaims", new, old);
        assert!(errors(&sized("2Gi"), &sized("1Gi")).is_empty());
        assert_eq!(
            errors(&sized("1Gi"), &sized("2Gi")),
            ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"]
        );
        assert!(
            errors(&sized("2Gi"), &sized("3Gi")).is_empty(),
            "it could not grow, and takes less"
        );
        let refused = errors(
            &object("selector", json!({"matchLabels": {"a": "b"}})),
            &object("selector", Value::Null),
        );
        assert!(
            refused[0].starts_with("spec: Forbidden: spec is immutable after creation except"),
            "{refused:?}"
        );
    }

    #[test]
    fn classes_are_set_once() {
        let with = |class: Value, annotation: Option<&str>| {
            let mut claim = object("storageClassName", class);
            if let Some(annotation) = annotation {
                claim["metadata"]["annotations"] = json!({CLASS_ANNOTATION: annotation});
            }
            claim
        };
        let none = Value::Null;
        for (new, old, expected) in [
            (with(json!("a"), None), with(none.clone(), None), &[][..]),
            (with(json!("a"), None), with(none.clone(), Some("a")), &[]),
            (
                with(none.clone(), Some("b")),
                with(none.clone(), Some("a")),
                &[
                    "metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: \"b\": field is immutable",
                ],
            ),
            (
                with(json!("b"), None),
                with(json!("a"), None),
                &["spec: Forbidden: spec is immutable"],
            ),
            (
                with(json!("b"), Some("a")),
                with(none, Some("a")),
                &["spec: Forbidden: spec is immutable"],
            ),
        ] {
            let errors = update_errors("", "persistentvolumeclaims", &new, &old);
            assert_eq!(errors.len(), expected.len(), "{errors:?}");
            for (error, expected) in errors.iter().zip(expected) {
                assert!(error.starts_with(expected), "{error}");
            }
        }
    }

    #[test]
    fn attributes_in_use_are_not_given_up() {
        let with = |class: Value, current: Value| {
            let mut claim = object("volumeAttributesClassName", class);
            claim["status"] = json!({"phase": "Bound", "currentVolumeAttributesClassName": current});
            claim
        };
        let old = with(json!("a"), json!("a"));
        let errors =
            |class: Value| update_errors("", "persistentvolumeclaims", &with(class, json!("a")), &old);
        assert!(errors(json!("b")).is_empty());
        assert_eq!(
            errors(Value::Null),
            [
                "spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is \
                 not nil"
            ]
        );
        let tried = with(json!("a"), Value::Null);
        let given_up = with(Value::Null, Value::Null);
        assert!(update_errors("", "persistentvolumeclaims", &given_up, &tried).is_empty());
    }

    #[test]
    fn statuses_are_checked() {
        let mut claim = object("volumeName", json!("v"));
        claim["status"] = json!({
            "capacity": {"storage": "-1"},
            "allocatedResources": {"cpu": "1", "storage": "1Gi"},
            "allocatedResourceStatuses": {"storage": "Dancing"},
        });
        assert_eq!(
            crate::testing::part_errors("", "persistentvolumeclaims", "status", &claim, &claim),
            [
                "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
                "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported values: \"ControllerResizeInProgress\", \
                 \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", \"NodeResizeInfeasible\", \"NodeResizePending\"",
                "status.allocatedResources: Unsupported value: \"cpu\": supported values: \"storage\"",
            ]
        );
    }
}
