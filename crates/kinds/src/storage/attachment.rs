//! Volumes attached to nodes.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::core::persistent_volume::inline as inline_rules;
use crate::core::pod::defaults::volume;
use crate::core::pod::validation::volumes::csi_driver_name;
use crate::room::{keep_metadata, room, status_and_metadata_apart};
use crate::toolkit::columns::{AGE, NAME, boolean, created, name, text};
use crate::toolkit::{Field, Report};

room! {
    /// A volume that is to be attached to a node.
    VolumeAttachment
}

impl Strategy for VolumeAttachment {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn default(&self, object: &mut Value) {
        let inline = object.pointer_mut("/spec/source/inlineVolumeSpec");
        if let Some(Value::Object(inline)) = inline {
            volume::source(inline);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |attachment| {
            rules(attachment);
            attachment.child("spec").immutable(old.get("spec"));
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        self.validate_update(new, old)
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        keep_metadata(new, old);
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_and_metadata_apart(subresource)
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column {
                format: "name".into(),
                ..Column::string("Attacher", "Who attaches it.")
                    .shows("storage.v1.VolumeAttachmentSpec.attacher")
            },
            Column::string("PV", "The volume.")
                .shows("storage.v1.VolumeAttachmentSource.persistentVolumeName"),
            Column::string("Node", "The node.").shows("storage.v1.VolumeAttachmentSpec.nodeName"),
            boolean("Attached", "Whether it is done.").shows("storage.v1.VolumeAttachmentStatus.attached"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let attached = object["status"]["attached"] == Value::Bool(true);
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "attacher"]).into(),
                text(object, &["spec", "source", "persistentVolumeName"]).into(),
                text(object, &["spec", "nodeName"]).into(),
                attached.into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(attachment: &Field) {
    let spec = attachment.child("spec");
    csi_driver_name(&spec.child("attacher"));
    let source = spec.child("source");
    let (inline, volume) = (
        source.child("inlineVolumeSpec"),
        source.child("persistentVolumeName"),
    );
    match (inline.is_set(), volume.is_set()) {
        (false, false) => {
            source.required("must specify exactly one of inlineVolumeSpec and persistentVolumeName")
        }
        (true, true) => {
            source.forbidden("must specify exactly one of inlineVolumeSpec and persistentVolumeName")
        }
        (false, true) if volume.is_empty() => {
            volume.required("must specify non empty persistentVolumeName");
        }
        (false, true) => {}
        (true, false) => inline_rules(&inline),
    }
    let node = spec.child("nodeName");
    node.complain(meta::name::dns1123_subdomain(node.text()));
    status(&attachment.child("status"));
    if volume.is_set() {
        volume.complain(meta::name::dns1123_subdomain(volume.text()));
    }
}

const MAX_METADATA: usize = 256 * 1024;
const MAX_MESSAGE: usize = 1024;

/// What became of it.
fn status(status: &Field) {
    let metadata = status.child("attachmentMetadata");
    let bytes: usize = metadata
        .entries()
        .map(|(key, value)| key.len() + value.text().len())
        .sum();
    if bytes > MAX_METADATA {
        metadata.too_long(MAX_METADATA);
    }
    for error in ["attachError", "detachError"] {
        let error = status.child(error);
        let (message, code) = (error.child("message"), error.child("errorCode"));
        if message.text().len() > MAX_MESSAGE {
            // Upstream tells the limit of the metadata.
            message.too_long(MAX_METADATA);
        }
        if code.number() < 0 {
            code.between(0, i64::from(i32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("storage.k8s.io", "volumeattachments", json!({"spec": spec})),
            expected
        );
    }

    #[test]
    fn something_is_attached_to_something() {
        check(
            json!({"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}),
            &[],
        );
        check(
            json!({"attacher": "", "nodeName": "n", "source": {}}),
            &[
                "spec.attacher: Required value",
                "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ],
        );
    }

    #[test]
    fn a_volume_that_is_written_out_is_a_drivers() {
        let inline =
            |spec: Value| json!({"attacher": "a", "nodeName": "n", "source": {"inlineVolumeSpec": spec}});
        let csi = json!({"driver": "d", "volumeHandle": "h"});
        check(inline(json!({"accessModes": ["ReadWriteOnce"], "csi": csi})), &[]);
        check(
            inline(json!({
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1"},
                "claimRef": {"name": "c"},
                "hostPath": {"path": "/x"},
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": "s",
                "volumeMode": "Block",
            })),
            &[
                "spec.source.inlineVolumeSpec.claimRef: Forbidden: may not be specified in the context of inline volumes",
                "spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes",
                "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes",
                "spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline \
                 volumes",
                "spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes",
                "spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context \
                 of inline volumes",
            ],
        );
    }
}
