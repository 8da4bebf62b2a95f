//! The beginning of a pod.

use serde_json::{Value, json};

use super::validation::security::MAX_APP_ARMOR_NAME;
use super::{labels, profiles, qos, validation};
use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};

/// The annotation that marks the API's image of a pod that a kubelet runs from a file.
pub const MIRROR: &str = "kubernetes.io/config.mirror";
/// Annotations that name a profile for a container.
pub const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Every pod begins pending, and with the quality of service it will keep.
pub fn prepare(pod: &mut Value) {
    repair_grace_period(pod);
    labels::merge(pod);
    profiles_of_annotations(pod);
    let mut status = json!({"phase": "Pending", "qosClass": qos::class(pod)});
    if !list(pod, &["spec", "schedulingGates"]).is_empty() {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastProbeTime": null,
            "lastTransitionTime": text(pod, &["metadata", "creationTimestamp"]),
        }]);
    }
    pod["status"] = status;
}

/// AppArmor profiles, which once stood in annotations, become fields, unless the pod says the same for all its containers.
fn profiles_of_annotations(pod: &mut Value) {
    if text(pod, &["spec", "os", "name"]) == "windows" {
        return;
    }
    let of_pod = pod.pointer("/spec/securityContext/appArmorProfile").cloned();
    let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
    let profiles: Vec<(String, Value)> = annotations
        .into_iter()
        .flatten()
        .filter_map(|(key, name)| Some((key.strip_prefix(APP_ARMOR)?.to_owned(), profile(name.as_str()?)?)))
        .filter(|(_, profile)| Some(profile) != of_pod.as_ref())
        .collect();
    for list in ["containers", "initContainers"] {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let wanted = profiles
                .iter()
                .find(|(name, _)| text(container, &["name"]) == name);
            let Some((_, profile)) = wanted else { continue };
            if container["securityContext"]["appArmorProfile"].is_null() {
                container["securityContext"]["appArmorProfile"] = profile.clone();
            }
        }
    }
}

/// The field for what an annotation names; none if it names nothing that is known.
pub fn profile(name: &str) -> Option<Value> {
    match name {
        "unconfined" => Some(json!({"type": "Unconfined"})),
        "runtime/default" => Some(json!({"type": "RuntimeDefault"})),
        _ => {
            let file = name.strip_prefix("localhost/").filter(|file| {
                !file.is_empty() && file.trim() == *file && file.len() <= MAX_APP_ARMOR_NAME
            })?;
            Some(json!({"type": "Localhost", "localhostProfile": file}))
        }
    }
}

/// A negative grace period, from times when it was not refused, is the shortest one.
pub fn repair_grace_period(pod: &mut Value) {
    if let Some(period) = pod.pointer_mut("/spec/terminationGracePeriodSeconds")
        && period.as_i64().is_some_and(|seconds| seconds < 0)
    {
        *period = 1.into();
    }
}

/// Whether the pod stands for one that a node runs by itself.
pub fn is_mirror(pod: &Value) -> bool {
    pod["metadata"]["annotations"].get(MIRROR).is_some()
}

/// What a new pod must be like.
pub fn rules(pod: &Field) {
    metadata_and_spec(pod);
    let spec = pod.child("spec");
    let ephemeral = spec.child("ephemeralContainers");
    if !ephemeral.is_empty() {
        ephemeral.forbidden("cannot be set on create");
    }
    let node = spec.child("nodeName");
    if !node.is_empty() && !spec.child("schedulingGates").is_empty() {
        node.forbidden("cannot be set until all schedulingGates have been cleared");
    }
    let metadata = pod.child("metadata");
    profiles::agree(&spec, &metadata.child("annotations"));
}

/// What any pod must be like, new or changed.
pub fn metadata_and_spec(pod: &Field) {
    let spec = pod.child("spec");
    let metadata = pod.child("metadata");
    special_annotations(&metadata.child("annotations"), &spec);
    validation::spec(&spec, Some(&metadata));
    if spec.child("serviceAccountName").is_empty() {
        no_tokens(&spec);
    }
    for list in ["containers", "initContainers"] {
        for container in spec.child(list).items() {
            validation::container::only_in_pods(&container);
        }
    }
}

/// Without an account there is nothing to make a token for.
fn no_tokens(spec: &Field) {
    for volume in spec.child("volumes").items() {
        for source in volume.child("projected").child("sources").items() {
            let token = source.child("serviceAccountToken");
            if token.is_set() {
                token.forbidden("must not be specified when serviceAccountName is not set");
            }
        }
    }
}

/// Annotations that mean something to pods.
pub fn special_annotations(annotations: &Field, spec: &Field) {
    let mirror = annotations.key(MIRROR);
    if mirror.is_set() && spec.child("nodeName").is_empty() {
        mirror.invalid("must set spec.nodeName if mirror pod annotation is set");
    }
    let cost = annotations.key(DELETION_COST);
    if cost.is_set() {
        deletion_cost(&cost);
    }
    profiles::annotations(annotations);
    for (key, annotation) in annotations.entries() {
        if let Some(container) = key.strip_prefix(APP_ARMOR) {
            app_armor(spec, &annotation, container);
        }
    }
}

fn deletion_cost(annotation: &Field) {
    let text = annotation.text();
    let is_plain = text == "0" || text.starts_with(['-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    if !is_plain || text.parse::<i32>().is_err() {
        annotation.invalid("must be a 32bit integer");
    }
}

fn app_armor(spec: &Field, annotation: &Field, container: &str) {
    let mut lists = ["containers", "initContainers", "ephemeralContainers"].iter();
    let exists = lists.any(|list| {
        spec.child(list)
            .items()
            .any(|each| each.text_of("name") == container)
    });
    if !exists {
        annotation.invalid_as(container, "container not found");
    }
    let profile = annotation.text();
    let is_known =
        matches!(profile, "" | "runtime/default" | "unconfined") || profile.starts_with("localhost/");
    if !is_known {
        annotation.invalid(&format!("invalid AppArmor profile name: {profile:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_move_from_annotations_to_fields() {
        let mut pod = json!({
            "metadata": {"annotations": {
                "container.apparmor.security.beta.kubernetes.io/a": "unconfined",
                "container.apparmor.security.beta.kubernetes.io/b": "localhost/p",
                "container.apparmor.security.beta.kubernetes.io/c": "runtime/default",
                "container.apparmor.security.beta.kubernetes.io/d": "strange",
            }},
            "spec": {
                "securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "a"}, {"name": "c"}, {"name": "d"}],
                "initContainers": [{"name": "b", "securityContext": {"runAsUser": 1}}],
            },
        });
        profiles_of_annotations(&mut pod);
        assert_eq!(
            pod["spec"]["containers"],
            json!([{"name": "a", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}}, {"name": "c"}, {"name": "d"}])
        );
        assert_eq!(
            pod["spec"]["initContainers"][0]["securityContext"],
            json!({"runAsUser": 1, "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}})
        );
    }

    #[test]
    fn pods_begin_pending() {
        let mut pod = json!({
            "metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"},
            "spec": {"schedulingGates": [{"name": "a.b/c"}], "terminationGracePeriodSeconds": -5},
            "status": {"phase": "Running"},
        });
        prepare(&mut pod);
        assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 1);
        assert_eq!(pod["status"]["phase"], "Pending");
        assert_eq!(pod["status"]["qosClass"], "BestEffort");
        assert_eq!(pod["status"]["conditions"][0]["reason"], "SchedulingGated");
    }
}
