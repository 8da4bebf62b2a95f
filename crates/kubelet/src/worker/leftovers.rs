//! What is left on the node of pods that nobody wants to run here.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::tools::Tools;
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

/// The pods that have folders or cgroups on this node. Of these, only the UID is known.
pub fn on_machine(tools: &Tools) -> Vec<PodLabels> {
    let mut uids = tools.volumes.on_disk();
    uids.extend(tools.cgroups.pods());
    let nameless = |uid: String| PodLabels {
        namespace: String::new(),
        name: String::new(),
        uid,
    };
    uids.into_iter().map(nameless).collect()
}
