//! What is left on the node of pods that nobody wants to run here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::container::NodeSettings;
use crate::pod::{PodLabels, PodToRun};

/// A pod of which only its identity is known.
pub fn stranger(labels: &PodLabels) -> PodToRun {
    let object = Pod {
        metadata: ObjectMeta {
            name: Some(labels.name.clone()),
            namespace: Some(labels.namespace.clone()),
            uid: Some(labels.uid.clone()),
            ..ObjectMeta::default()
        },
        ..Pod::default()
    };
    PodToRun::new(object.into())
}

/// The pods that have folders of volumes or logs on this node.
pub fn on_disk(node: &NodeSettings) -> BTreeSet<PodLabels> {
    let with_logs: Vec<PodLabels> = names(&node.pod_logs_dir)
        .iter()
        .filter_map(|name| of_log_folder(name))
        .collect();
    let nameless = |uid: String| PodLabels {
        namespace: String::new(),
        name: String::new(),
        uid,
    };
    let with_volumes = names(&node.pods_dir()).into_iter();
    let others = with_volumes
        .filter(|uid| with_logs.iter().all(|labels| labels.uid != *uid))
        .map(nameless);
    let others: Vec<PodLabels> = others.collect();
    with_logs.into_iter().chain(others).collect()
}

/// `namespace_name_uid`: none of the three has an underscore.
fn of_log_folder(name: &str) -> Option<PodLabels> {
    let mut parts = name.split('_').map(str::to_owned);
    let labels = PodLabels {
        namespace: parts.next()?,
        name: parts.next()?,
        uid: parts.next()?,
    };
    parts.next().is_none().then_some(labels)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_whose_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeSettings {
            root_dir: folder.path().to_owned(),
            pod_logs_dir: folder.path().join("logs"),
            ..NodeSettings::default()
        };
        assert!(on_disk(&node).is_empty());
        for path in [
            "pods/u1",
            "pods/u2",
            "logs/default_web_u1",
            "logs/other",
            "logs/ns_db_u3",
        ] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let found: Vec<String> = on_disk(&node)
            .iter()
            .map(|pod| format!("{}/{} {}", pod.namespace, pod.name, pod.uid))
            .collect();
        assert_eq!(found, ["/ u2", "default/web u1", "ns/db u3"]);
    }
}
