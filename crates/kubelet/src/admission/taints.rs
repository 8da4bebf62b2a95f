//! Whether a pod tolerates the taints that would drive it out again.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::{AdmissionInput, failed_check};
use crate::pod::PodToRun;
use crate::status::PodVerdict;

pub fn refusal(input: AdmissionInput<'_>) -> Option<PodVerdict> {
    if input.pod.is_static() {
        return None;
    }
    let taints = input.node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let mut driving_out = taints
        .into_iter()
        .flatten()
        .filter(|taint| taint.effect == "NoExecute");
    let untolerated = driving_out.any(|taint| !tolerates(input.pod, taint));
    untolerated.then(|| failed_check("TaintToleration", "node(s) had untolerated taint(s)"))
}

/// Whether a pod may be where memory is short.
pub fn tolerates_memory_pressure(pod: &PodToRun) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/memory-pressure".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    tolerates(pod, &taint)
}

fn tolerates(pod: &PodToRun, taint: &Taint) -> bool {
    let tolerations = pod.spec().tolerations.iter().flatten();
    tolerations
        .into_iter()
        .any(|toleration| covers(toleration, taint))
}

fn covers(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let effect = given(&toleration.effect).is_none_or(|effect| effect == taint.effect);
    let key = given(&toleration.key).is_none_or(|key| key == taint.key);
    let value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        _ => {
            given(&toleration.key).is_some()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
    };
    effect && key && value
}
