//! Persistent volumes.

pub mod sources;

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::{Value, json};

use super::claim::{VOLUME_MODES, access_modes, positive};
use super::pod::defaults::volume;
use super::pod::validation::affinity::node_selector;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{object_at, restore, when_empty, when_missing};
use crate::toolkit::{Field, Report, diff, go, same_field};

room! {
    /// A piece of storage.
    PersistentVolume
}

const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";

impl Strategy for PersistentVolume {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec"]) {
            when_empty(spec, "persistentVolumeReclaimPolicy", "Retain");
            when_missing(spec, "volumeMode", "Filesystem");
            volume::source(spec);
        }
        if let Some(status) = object_at(object, &["status"]) {
            when_empty(status, "phase", "Pending");
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        let now = text(object, &["metadata", "creationTimestamp"]).to_owned();
        object["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |volume| changes(volume, old))
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
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
            Column::string("Capacity", "Its size.").shows("core.v1.PersistentVolumeSpec.capacity"),
            Column::string("Access Modes", "How it may be used.")
                .shows("core.v1.PersistentVolumeSpec.accessModes"),
            Column::string("Reclaim Policy", "What becomes of it when it is given back.")
                .shows("core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy"),
            Column::string("Status", "Whether it is in use.").shows("core.v1.PersistentVolumeStatus.phase"),
            Column::string("Claim", "The claim that uses it.").shows("core.v1.PersistentVolumeSpec.claimRef"),
            Column::string("StorageClass", "What sort of storage it is."),
            Column::string("VolumeAttributesClass", "Which attributes it has."),
            Column::string("Reason", "Why it is so.").shows("core.v1.PersistentVolumeStatus.reason"),
            AGE,
            Column::string("VolumeMode", "Whether it is a file system or a device.")
                .shows("core.v1.PersistentVolumeSpec.volumeMode")
                .wide(),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let spec = |field: &str| text(object, &["spec", field]);
        let claim = match &object["spec"]["claimRef"] {
            Value::Object(_) => format!(
                "{}/{}",
                text(object, &["spec", "claimRef", "namespace"]),
                text(object, &["spec", "claimRef", "name"])
            ),
            _ => String::new(),
        };
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "capacity", "storage"]).into(),
                short_modes(list(object, &["spec", "accessModes"])).into(),
                spec("persistentVolumeReclaimPolicy").into(),
                phase(object).into(),
                claim.into(),
                spec("storageClassName").into(),
                class(spec("volumeAttributesClassName")),
                text(object, &["status", "reason"]).into(),
                created(object, now),
                class(spec("volumeMode")),
            ],
            ..Row::default()
        }
    }
}

/// Phases of what is being deleted end.
pub fn phase(object: &Value) -> &str {
    if text(object, &["metadata", "deletionTimestamp"]).is_empty() {
        text(object, &["status", "phase"])
    } else {
        "Terminating"
    }
}

/// A name, or that there is none.
pub fn class(name: &str) -> Value {
    if name.is_empty() {
        "<unset>".into()
    } else {
        name.into()
    }
}

/// Access modes as tables show them, in their usual order, each once.
pub fn short_modes(modes: &[Value]) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let there = SHORT
        .iter()
        .filter(|(mode, _)| modes.iter().any(|there| there == mode));
    let shorts: Vec<&str> = there.map(|(_, short)| *short).collect();
    shorts.join(",")
}

fn rules(volume: &Field) {
    let spec = volume.child("spec");
    let modes = spec.child("accessModes");
    modes.needed();
    access_modes(&modes);
    let capacity = spec.child("capacity");
    capacity.needed();
    if !capacity.key("storage").is_set() || capacity.len() > 1 {
        capacity.not_supported_as(capacity.value().cloned().unwrap_or(Value::Null), &["storage"]);
    }
    for (_, amount) in capacity.entries() {
        positive(&amount);
    }
    spec.child("persistentVolumeReclaimPolicy")
        .any_of(&["Delete", "Recycle", "Retain"]);
    affinity(&spec.child("nodeAffinity"));
    sources::rules(&spec);
    let host_path = spec.child("hostPath");
    if host_path.text_of("path").trim_end_matches('/').is_empty()
        && host_path.text_of("path").starts_with('/')
        && spec.text_of("persistentVolumeReclaimPolicy") == "Recycle"
    {
        spec.child("persistentVolumeReclaimPolicy")
            .forbidden("may not be 'recycle' for a hostPath mount of '/'");
    }
    for class in ["storageClassName", "volumeAttributesClassName"] {
        let class = spec.child(class);
        if !class.is_empty() {
            class.dns_subdomain();
        }
    }
    spec.child("volumeMode").any_of_if_set(VOLUME_MODES);
    mount_options(volume, &spec);
}

fn affinity(affinity: &Field) {
    if !affinity.is_set() {
        return;
    }
    let required = affinity.child("required");
    if required.is_set() {
        node_selector(&required);
    } else {
        required.required("must specify required node constraints");
    }
}

/// Options go to `mount`; not every source is mounted by it.
fn mount_options(volume: &Field, spec: &Field) {
    const MOUNTED: [&str; 13] = [
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "glusterfs",
        "nfs",
        "rbd",
        "quobyte",
        "iscsi",
        "cinder",
        "cephfs",
        "azureFile",
        "vsphereVolume",
        "azureDisk",
        "storageos",
    ];
    let metadata = volume.child("metadata");
    let annotations = metadata.child("annotations");
    let options = annotations.child(MOUNT_OPTIONS);
    if options.is_set() && !MOUNTED.iter().any(|source| spec.child(source).is_set()) {
        options.forbidden("may not specify mount options for this volume type");
    }
}

fn changes(volume: &Field, old: &Value) {
    rules(volume);
    let spec = volume.child("spec");
    let (Some(new), old) = (spec.value(), &old["spec"]) else {
        return;
    };
    if !sources::NAMES.iter().all(|source| same_field(new, old, source)) {
        let schema = spec.schema();
        let lines = |value: &Value| go::indented_fields(value, schema, &sources::NAMES);
        let named = spec.child("persistentvolumesource");
        named.forbidden(&format!(
            "spec.persistentvolumesource is immutable after creation\n{}",
            diff::unified(&lines(old), &lines(new))
        ));
    }
    let mode = spec.child("volumeMode");
    if !same_field(new, old, "volumeMode") {
        // Upstream's path starts at the field.
        volume
            .standing_for("volumeMode", mode.value())
            .invalid("field is immutable");
    }
    let affinity = spec.child("nodeAffinity");
    if !old["nodeAffinity"].is_null() && !same_field(new, old, "nodeAffinity") {
        affinity.invalid("field is immutable, except for updating from beta label to GA");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, create_errors, defaulted, update_errors};

    fn volume(field: &str, value: Value) -> Value {
        let mut spec = json!({"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}});
        spec[field] = value;
        json!({"metadata": {"name": "v"}, "spec": spec})
    }

    fn check(field: &str, value: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("", "persistentvolumes", volume(field, value)),
            expected,
            "{field}"
        );
    }

    #[test]
    fn wrong_volumes_are_refused() {
        check("volumeMode", json!("Block"), &[]);
        check(
            "hostPath",
            Value::Null,
            &["spec: Required value: must specify a volume type"],
        );
        check(
            "nfs",
            json!({"server": "s", "path": "/p"}),
            &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
        );
        check(
            "capacity",
            Value::Null,
            &[
                "spec.capacity: Required value",
                r#"spec.capacity: Unsupported value: null: supported values: "storage""#,
            ],
        );
        check(
            "capacity",
            json!({"storage": "0"}),
            &[r#"spec.capacity[storage]: Invalid value: "0": must be greater than zero"#],
        );
        check(
            "accessModes",
            json!(["ReadWriteOncePod", "ReadOnlyMany"]),
            &["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        );
    }

    #[test]
    fn the_source_stays() {
        let at = |path: &str| defaulted("", "persistentvolumes", volume("hostPath", json!({"path": path})));
        let errors = update_errors("", "persistentvolumes", &at("/y"), &at("/x"));
        assert!(errors[0].starts_with(
            "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -2,7 +2,7 @@\n"
        ), "{errors:?}");
    }

    #[test]
    fn a_row_shows_size_and_use() {
        let mut object = volume("claimRef", json!({"namespace": "n", "name": "c"}));
        object["status"] = json!({"phase": "Bound"});
        let cells = cells("", "persistentvolumes", &object);
        assert_eq!(cells[1..6], ["1Gi", "RWO", "", "Bound", "n/c"]);
    }
}
