//! Defaults of a volume and of its source.

use serde_json::json;

use super::container;
use crate::toolkit::defaults::{Object, object_in, object_or_new, objects, text, when_empty, when_missing};

/// `0644`.
const FILE_MODE: i64 = 0o644;

/// Defaults of a volume in a pod.
pub fn volume(volume: &mut Object) {
    if !volume
        .iter()
        .any(|(name, value)| name != "name" && !value.is_null())
    {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    source(volume);
    for name in ["configMap", "secret", "downwardAPI", "projected"] {
        if let Some(files) = object_in(volume, name) {
            when_missing(files, "defaultMode", FILE_MODE);
        }
    }
    if let Some(downward) = object_in(volume, "downwardAPI") {
        downward_items(downward);
    }
    if let Some(projected) = object_in(volume, "projected") {
        for each in objects(projected, "sources") {
            projection(each);
        }
    }
    if let Some(image) = object_in(volume, "image") {
        let policy = container::pull_policy(text(image, "reference"));
        when_empty(image, "pullPolicy", policy);
    }
    if let Some(template) = object_in(volume, "ephemeral").and_then(|e| object_in(e, "volumeClaimTemplate"))
        && let Some(spec) = object_or_new(template, "spec")
    {
        claim_spec(spec);
    }
}

/// Defaults of what a claim asks for.
pub fn claim_spec(spec: &mut Object) {
    when_missing(spec, "volumeMode", "Filesystem");
}

/// Sources that volumes of pods and persistent volumes have in common.
pub fn source(volume: &mut Object) {
    if let Some(host_path) = object_in(volume, "hostPath") {
        when_missing(host_path, "type", "");
    }
    if let Some(iscsi) = object_in(volume, "iscsi") {
        when_empty(iscsi, "iscsiInterface", "default");
    }
    if let Some(rbd) = object_in(volume, "rbd") {
        when_empty(rbd, "pool", "rbd");
        when_empty(rbd, "user", "admin");
        when_empty(rbd, "keyring", "/etc/ceph/keyring");
    }
    if let Some(disk) = object_in(volume, "azureDisk") {
        when_missing(disk, "cachingMode", "ReadWrite");
        when_missing(disk, "kind", "Shared");
        when_missing(disk, "fsType", "ext4");
        when_missing(disk, "readOnly", false);
    }
    if let Some(scale_io) = object_in(volume, "scaleIO") {
        when_empty(scale_io, "storageMode", "ThinProvisioned");
        when_empty(scale_io, "fsType", "xfs");
    }
}

fn downward_items(source: &mut Object) {
    for item in objects(source, "items") {
        container::field_reference(item);
    }
}

fn projection(source: &mut Object) {
    if let Some(token) = object_in(source, "serviceAccountToken") {
        when_missing(token, "expirationSeconds", 3600);
    }
    if let Some(downward) = object_in(source, "downwardAPI") {
        downward_items(downward);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(before: Value, after: Value) {
        let mut object = before;
        volume(object.as_object_mut().expect("an object"));
        assert_eq!(object, after);
    }

    #[test]
    fn a_volume_of_nothing_is_an_empty_directory() {
        check(json!({"name": "v"}), json!({"name": "v", "emptyDir": {}}));
        check(json!({"name": "v", "nfs": {}}), json!({"name": "v", "nfs": {}}));
    }

    #[test]
    fn files_have_a_mode() {
        check(json!({"secret": {}}), json!({"secret": {"defaultMode": 420}}));
        check(
            json!({"configMap": {"defaultMode": 0}}),
            json!({"configMap": {"defaultMode": 0}}),
        );
        check(
            json!({"projected": {"sources": [
                {"serviceAccountToken": {"path": "t"}}, {"secret": {"name": "s"}},
            ]}}),
            json!({"projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}, {"secret": {"name": "s"}},
            ]}}),
        );
    }

    #[test]
    fn sources_have_their_defaults() {
        check(
            json!({"hostPath": {"path": "/x"}}),
            json!({"hostPath": {"path": "/x", "type": ""}}),
        );
        check(
            json!({"image": {"reference": "r:latest"}}),
            json!({"image": {"reference": "r:latest", "pullPolicy": "Always"}}),
        );
        check(
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}),
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"volumeMode": "Filesystem"}}}}),
        );
    }
}
