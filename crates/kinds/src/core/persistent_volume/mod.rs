//! Persistent volumes.

pub mod sources;
mod warnings;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use super::claim::{VOLUME_MODES, access_modes, not_negative, positive};
use super::pod::defaults::volume;
use super::pod::validation::affinity::node_selector;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{items_mut, object_at, remove, restore, when_empty, when_missing};
use crate::toolkit::{Field, Report, diff, go, node_labels, same_field_as};

room! {
    /// A piece of storage.
    PersistentVolume
}

const TRANSITION: &str = "lastPhaseTransitionTime";
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";

impl Strategy for PersistentVolume {
    fn metadata_checks(&self, subresource: &str) -> MetadataChecks {
        if subresource.is_empty() {
            MetadataChecks::AS_NEW_TWICE
        } else {
            MetadataChecks::AS_CHANGE
        }
    }

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
        object["status"] = json!({"phase": "Pending", TRANSITION: now});
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |volume| {
            rules(volume);
            mount_options(volume);
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |volume| {
            rules(volume);
            mount_options(volume);
            // Upstream checks the whole once more as a change.
            rules(volume);
            changes(volume, old);
        })
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        warnings::of(new)
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
        if new["status"]["phase"] == old["status"]["phase"] && new["status"][TRANSITION].is_null() {
            restore(&mut new["status"], &old["status"], TRANSITION);
        }
    }

    /// The time of a change of phase that does not bring one itself.
    fn stamp_part_update(&self, _subresource: &str, new: &mut Value, old: &Value, now: &str) {
        let (new, old) = (&mut new["status"], &old["status"]);
        let brings_none = new[TRANSITION].is_null() || new[TRANSITION] == old[TRANSITION];
        if new["phase"] != old["phase"] && brings_none {
            new[TRANSITION] = now.into();
        }
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
            Column::string("StorageClass", "StorageClass of the pv"),
            Column::string("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
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
        let annotated = object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].as_str();
        let volume_class = annotated.unwrap_or_else(|| spec("storageClassName"));
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "capacity", "storage"]).into(),
                short_modes(list(object, &["spec", "accessModes"])).into(),
                spec("persistentVolumeReclaimPolicy").into(),
                phase(object).into(),
                claim.into(),
                volume_class.into(),
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
        not_negative(&amount);
        positive(&amount);
    }
    spec.child("persistentVolumeReclaimPolicy")
        .any_of(&["Delete", "Recycle", "Retain"]);
    affinity(&spec.child("nodeAffinity"));
    let metadata = volume.child("metadata");
    sources::rules(&spec, metadata.text_of("name"), true);
    if is_root(spec.child("hostPath").text_of("path"))
        && spec.text_of("persistentVolumeReclaimPolicy") == "Recycle"
    {
        spec.child("persistentVolumeReclaimPolicy")
            .forbidden("may not be 'recycle' for a hostPath mount of '/'");
    }
    let class = spec.child("storageClassName");
    if !class.is_empty() {
        class.dns_subdomain();
    }
    spec.child("volumeMode").any_of_if_set(VOLUME_MODES);
    attributes_class(&spec);
}

/// Whether the path, however it is written, is that of the root folder.
fn is_root(path: &str) -> bool {
    path.starts_with('/') && path.split('/').all(|part| part.is_empty() || part == ".")
}

const INLINE: &str = "in the context of inline volumes";

/// The rules for a volume that is written out where another would be named: only a driver's, and nothing of how it is claimed.
pub fn inline(spec: &Field) {
    let (claim, capacity) = (spec.child("claimRef"), spec.child("capacity"));
    if claim.is_set() {
        claim.forbidden(&format!("may not be specified {INLINE}"));
    }
    if !capacity.is_empty() {
        capacity.forbidden(&format!("may not be specified {INLINE}"));
    }
    let driver = spec.child("csi");
    if !driver.is_set() {
        driver.required(&format!("has to be specified {INLINE}"));
    }
    let modes = spec.child("accessModes");
    modes.needed();
    access_modes(&modes);
    let policy = spec.child("persistentVolumeReclaimPolicy");
    if !matches!(policy.text(), "" | "Retain") {
        policy.forbidden(&format!("may only be Retain {INLINE}"));
    }
    let affinity = spec.child("nodeAffinity");
    if affinity.is_set() {
        affinity.forbidden(&format!("may not be specified {INLINE}"));
    }
    sources::rules(spec, "", false);
    let class = spec.child("storageClassName");
    if !class.is_empty() {
        class.forbidden(&format!("may not be specified {INLINE}"));
    }
    let mode = spec.child("volumeMode");
    if !matches!(mode.text(), "" | "Filesystem") {
        mode.forbidden(&format!(
            "may not specify volumeMode other than Filesystem {INLINE}"
        ));
    }
}

/// Only storage drivers know attributes that can be changed.
fn attributes_class(spec: &Field) {
    let class = spec.child("volumeAttributesClassName");
    if !class.is_set() {
        return;
    }
    if class.is_empty() {
        class.required("an empty string is disallowed");
    } else {
        class.dns_subdomain();
    }
    let driver = spec.child("csi");
    if !driver.is_set() {
        driver.required("has to be specified when using volumeAttributesClassName");
    }
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
fn mount_options(volume: &Field) {
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
        "photonPersistentDisk",
    ];
    let (metadata, spec) = (volume.child("metadata"), volume.child("spec"));
    let annotations = metadata.child("annotations");
    let options = annotations.child(MOUNT_OPTIONS);
    if options.is_set() && !MOUNTED.iter().any(|source| spec.child(source).is_set()) {
        options.forbidden("may not specify mount options for this volume type");
    }
}

/// The new sources without the secret with which the volume can grow, if there was none before.
fn without_new_secret(new: &Value, old: &Value) -> Value {
    const SECRET: &str = "controllerExpandSecretRef";
    let mut new = new.clone();
    if old["csi"].is_object() && old["csi"][SECRET].is_null() {
        remove(&mut new, &["csi", SECRET]);
    }
    new
}

fn changes(volume: &Field, old: &Value) {
    let spec = volume.child("spec");
    let (Some(new), old) = (spec.value(), &old["spec"]) else {
        return;
    };
    source_stays(&spec, &without_new_secret(new, old), old);
    // Upstream's paths start at the field, for this and the next.
    let mode = spec.child("volumeMode");
    volume
        .standing_for("volumeMode", mode.value())
        .immutable(old.get("volumeMode"));
    let affinity = spec.child("nodeAffinity");
    if !old["nodeAffinity"].is_null() && !affinity.is_same(Some(&renamed(&old["nodeAffinity"], new))) {
        volume
            .standing_for("nodeAffinity", affinity.value())
            .invalid_printed(
                &affinity.printed(),
                "field is immutable, except for updating from beta label to GA",
            );
    }
    let class = spec.child("volumeAttributesClassName");
    if !old["volumeAttributesClassName"].is_null() && !class.is_set() {
        class.forbidden("update from non-nil value to nil is forbidden");
    }
}

fn source_stays(spec: &Field, new: &Value, old: &Value) {
    if sources::NAMES
        .iter()
        .all(|source| same_field_as(new, old, source, spec.schema()))
    {
        return;
    }
    let schema = spec.schema();
    let lines = |value: &Value| go::indented_fields(value, schema, &sources::NAMES);
    spec.child("persistentvolumesource").forbidden(&format!(
        "spec.persistentvolumesource is immutable after creation\n{}",
        diff::unified(&lines(old), &lines(new))
    ));
}

/// The old affinity with labels called as the new one calls them, where those are what replaced the old.
fn renamed(old: &Value, new: &Value) -> Value {
    let mut old = old.clone();
    let pointer = "/required/nodeSelectorTerms";
    let terms = old.pointer_mut(pointer).and_then(Value::as_array_mut);
    for (at, term) in terms.into_iter().flatten().enumerate() {
        for kind in ["matchExpressions", "matchFields"] {
            let news = new.pointer(&format!("/nodeAffinity{pointer}/{at}/{kind}"));
            let pairs = items_mut(term, kind).zip(news.and_then(Value::as_array).into_iter().flatten());
            for (old, new) in pairs {
                let replacement = old["key"].as_str().and_then(node_labels::replacement);
                // Upstream takes an empty key for the replacement of what has none.
                if new["key"].as_str() == Some(replacement.unwrap_or("")) {
                    old["key"] = new["key"].clone();
                }
            }
        }
    }
    old
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
    fn attributes_are_for_drivers() {
        check(
            "volumeAttributesClassName",
            json!(""),
            &[
                "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
                "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
            ],
        );
    }

    #[test]
    fn secrets_have_namespaces() {
        let with = |source: &str, value: Value| {
            let mut object = volume("hostPath", Value::Null);
            object["spec"][source] = value;
            create_errors("", "persistentvolumes", object)
        };
        let reference = json!({"driver": "d", "volumeHandle": "h", "nodePublishSecretRef": {"name": "s"}});
        assert_eq!(
            with("csi", reference),
            ["spec.csi.nodePublishSecretRef.namespace: Required value"]
        );
        assert_eq!(
            with("cinder", json!({"volumeID": "v", "secretRef": {"name": "s"}})),
            ["spec.cinder.secretRef.namespace: Required value"]
        );
        assert_eq!(
            with(
                "azureFile",
                json!({"secretName": "s", "shareName": "f", "secretNamespace": ""})
            ),
            ["spec.azureFile.secretNamespace: Required value"]
        );
        assert_eq!(
            with(
                "glusterfs",
                json!({"endpoints": "e", "path": "p", "endpointsNamespace": ""})
            ),
            [
                "spec.glusterfs.endpointsNamespace: Invalid value: \"\": if the endpointnamespace is set, it must be a valid namespace name"
            ]
        );
    }

    #[test]
    fn a_driver_learns_the_secret_to_grow_with() {
        let with = |csi: Value| {
            let mut object = volume("hostPath", Value::Null);
            object["spec"]["csi"] = csi;
            defaulted("", "persistentvolumes", object)
        };
        let bare = json!({"driver": "d", "volumeHandle": "h"});
        let mut grows = bare.clone();
        grows["controllerExpandSecretRef"] = json!({"name": "s", "namespace": "n"});
        let errors = |new: &Value, old: &Value| {
            update_errors("", "persistentvolumes", &with(new.clone()), &with(old.clone()))
        };
        assert!(errors(&grows, &bare).is_empty());
        assert_eq!(errors(&bare, &grows).len(), 1);
    }

    #[test]
    fn old_labels_may_be_replaced() {
        let with = |key: &str| {
            let term = json!({"matchExpressions": [{"key": key, "operator": "Exists"}]});
            let affinity = json!({"required": {"nodeSelectorTerms": [term]}});
            defaulted("", "persistentvolumes", volume("nodeAffinity", affinity))
        };
        let errors = |new: &str, old: &str| update_errors("", "persistentvolumes", &with(new), &with(old));
        assert!(errors("kubernetes.io/os", "beta.kubernetes.io/os").is_empty());
        assert_eq!(
            errors("b", "a"),
            [
                "nodeAffinity: Invalid value: {\"Required\":{\"NodeSelectorTerms\":[{\"MatchExpressions\":[{\"Key\":\"b\",\
                 \"Operator\":\"Exists\",\"Values\":null}],\"MatchFields\":null}]}}: field is immutable, except for updating \
                 from beta label to GA"
            ]
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
