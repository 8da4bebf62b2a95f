//! What whoever makes a persistent volume should hear although it is taken.

use serde_json::Value;

use crate::toolkit::columns::{at, list};
use crate::toolkit::node_labels;

const ANNOTATIONS: [(&str, &str); 2] = [
    (
        "volume.beta.kubernetes.io/storage-class",
        r#"deprecated since v1.8; use "storageClassName" attribute instead"#,
    ),
    (
        "volume.beta.kubernetes.io/mount-options",
        r#"deprecated since v1.31; use "mountOptions" attribute instead"#,
    ),
];
/// Sources that are no more, with how they are called here.
const SOURCES: [(&str, &str, &str); 6] = [
    (
        "cephfs",
        "cephfs",
        "deprecated in v1.28, non-functional in v1.31+",
    ),
    (
        "photonPersistentDisk",
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    (
        "scaleIO",
        "scaleIO",
        "deprecated in v1.16, non-functional in v1.22+",
    ),
    (
        "storageos",
        "storageOS",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "glusterfs",
        "glusterfs",
        "deprecated in v1.25, non-functional in v1.26+",
    ),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// All warnings about a volume.
pub fn of(volume: &Value) -> Vec<String> {
    let spec = &volume["spec"];
    let mut warnings = Vec::new();
    for (key, what) in ANNOTATIONS {
        if at(volume, &["metadata", "annotations", key]).is_some() {
            warnings.push(format!("metadata.annotations[{key}]: {what}"));
        }
    }
    if spec["persistentVolumeReclaimPolicy"] == "Recycle" {
        warnings.push(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is \
             to use dynamic provisioning."
                .to_owned(),
        );
    }
    let terms = list(spec, &["nodeAffinity", "required", "nodeSelectorTerms"]);
    for (index, term) in terms.iter().enumerate() {
        let path = format!("spec.nodeAffinity.required.nodeSelectorTerms[{index}]");
        warnings.extend(node_labels::warnings_of_expressions(&path, term));
    }
    for (source, named, what) in SOURCES {
        if spec.get(source).is_some_and(|source| !source.is_null()) {
            warnings.push(format!("spec.{named}: {what}"));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_goes_is_told() {
        let volume = json!({
            "metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}},
            "spec": {"storageos": {}, "persistentVolumeReclaimPolicy": "Retain"},
        });
        assert_eq!(
            super::of(&volume),
            [
                r#"metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead"#,
                "spec.storageOS: deprecated in v1.22, non-functional in v1.25+",
            ]
        );
        assert!(super::of(&json!({"spec": {"csi": {}}})).is_empty());
    }
}
