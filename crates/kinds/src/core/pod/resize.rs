//! What may change as a pod is given more or less of CPU and memory.

use schema::SchemaRef;
use serde_json::Value;

use super::parts::become_old;
use super::{create, qos};
use crate::toolkit::columns::{list, text};
use crate::toolkit::defaults::{items_mut, remove, restore};
use crate::toolkit::{Field, same_as, same_field, same_field_as};

const KINDS: [&str; 2] = ["containers", "initContainers"];
const ONLY_CPU_AND_MEMORY: &str = "only cpu and memory resources are mutable";

/// Takes the amounts from `new`, everything else from `old`. Where containers are others, validation will say so.
pub fn prepare(new: &mut Value, old: &Value) {
    let wanted = &new["spec"];
    if KINDS
        .iter()
        .any(|kind| list(wanted, &[kind]).len() != list(old, &["spec", kind]).len())
    {
        return;
    }
    let wanted = new["spec"].take();
    become_old(new, old);
    for kind in KINDS {
        let (wanted, old) = (list(&wanted, &[kind]), list(old, &["spec", kind]));
        if wanted
            .iter()
            .zip(old)
            .any(|(wanted, old)| !same_field(wanted, old, "name"))
        {
            new["spec"][kind] = Value::from(wanted.to_vec());
            continue;
        }
        for (container, wanted) in items_mut(&mut new["spec"], kind).zip(wanted) {
            for field in ["resources", "resizePolicy"] {
                restore(container, wanted, field);
            }
        }
    }
    restore(&mut new["spec"], &wanted, "resources");
}

/// CPU and memory of running containers can be changed.
pub fn rules(pod: &Field, old: &Value) {
    if let Some(complaint) = never(old) {
        return pod.child("").forbidden(complaint);
    }
    let before = pod.report().count();
    create::metadata_and_spec(pod);
    let spec = pod.child("spec");
    class(pod, old);
    if !runs_where_supported(old) {
        spec.forbidden("Pod running on node without support for resize");
    }
    let mut still = spec.value().cloned().unwrap_or_default();
    of_the_pod(&spec, &mut still, &old["spec"]);
    if !same_containers(&spec, &old["spec"]) {
        return;
    }
    for kind in ["initContainers", "containers"] {
        for (container, old) in spec.child(kind).items().zip(list(old, &["spec", kind])) {
            kept_amounts(&container.child("resources"), &old["resources"], "resource");
        }
    }
    only_amounts(&spec, &mut still, &old["spec"]);
    if pod.report().count() == before && !same_as(Some(&still), Some(&old["spec"]), spec.schema()) {
        spec.forbidden(ONLY_CPU_AND_MEMORY);
    }
}

/// Why a pod can not be resized at all.
fn never(old: &Value) -> Option<&'static str> {
    if create::is_mirror(old) {
        Some("static pods cannot be resized")
    } else if text(old, &["spec", "os", "name"]) == "windows" {
        Some("windows pods cannot be resized")
    } else {
        None
    }
}

fn class(pod: &Field, old: &Value) {
    let was = text(old, &["status", "qosClass"]);
    let was = if was.is_empty() { qos::class(old) } else { was };
    if pod.value().is_some_and(|new| qos::class(new) != was) {
        let told = pod.child("status").text_of("qosClass").to_owned();
        pod.child("spec")
            .invalid_as(told, "Pod QOS Class may not change as a result of resizing");
    }
}

/// A kubelet that can resize tells what its running containers have.
fn runs_where_supported(old: &Value) -> bool {
    let mut statuses = list(old, &["status", "containerStatuses"]).iter();
    let running = statuses.find(|status| !status["state"]["running"].is_null());
    running.is_none_or(|status| !status["resources"].is_null())
}

fn of_the_pod(spec: &Field, still: &mut Value, old: &Value) {
    let resources = spec.child("resources");
    let has_amounts = |resources: &Value| {
        let mut kinds = ["requests", "limits"].iter();
        kinds.any(|kind| {
            resources[*kind]
                .as_object()
                .is_some_and(|amounts| !amounts.is_empty())
        })
    };
    if !has_amounts(&old["resources"]) && !resources.value().is_some_and(has_amounts) {
        return;
    }
    if !old["resources"].is_null() && !resources.is_set() {
        return resources.forbidden("pod-level resources cannot be removed");
    }
    kept_amounts(&resources, &old["resources"], "pod-level resource");
    amounts_of(&mut still["resources"], &old["resources"]);
    let is_empty = still["resources"].as_object().is_none_or(|left| left.is_empty());
    if old["resources"].is_null() && is_empty {
        remove(still, &["resources"]);
    }
    if !same_field_as(still, old, "resources", spec.schema()) {
        spec.forbidden("only cpu and memory resources are mutable at pod-level");
    }
}

/// The same containers in the same order.
fn same_containers(spec: &Field, old: &Value) -> bool {
    let before = spec.report().count();
    for kind in KINDS {
        let (containers, old) = (spec.child(kind), list(old, &[kind]));
        if containers.len() != old.len() {
            containers.forbidden(&format!("{kind} may not be added or removed on resize"));
            continue;
        }
        for (container, old) in containers.items().zip(old) {
            if container.text_of("name") != text(old, &["name"]) {
                let complaint = format!("{kind} may not be renamed or reordered on resize");
                container.child("name").forbidden(&complaint);
            }
        }
    }
    spec.report().count() == before
}

/// What was asked for or limited stays so.
fn kept_amounts(resources: &Field, old: &Value, called: &str) {
    for kind in ["requests", "limits"] {
        let amounts = resources.child(kind);
        let mut names = old[kind]
            .as_object()
            .into_iter()
            .flat_map(|amounts| amounts.keys());
        if names.any(|name| !amounts.key(name).is_set()) {
            amounts.forbidden(&format!("{called} {kind} cannot be removed"));
        }
    }
}

/// Puts the old amounts back into `still`, and complains of what differs all the same.
fn only_amounts(spec: &Field, still: &mut Value, old: &Value) {
    let containers = spec.child("containers").schema();
    let of = containers.and_then(SchemaRef::element);
    for (container, old) in items_mut(still, "containers").zip(list(old, &["containers"])) {
        // Upstream loses claims here, and so refuses containers that have any.
        remove(container, &["resources", "claims"]);
        amounts_of(&mut container["resources"], &old["resources"]);
        if !same_as(Some(container), Some(old), of) {
            spec.forbidden(ONLY_CPU_AND_MEMORY);
        }
    }
    let init = spec.child("initContainers");
    let pairs = items_mut(still, "initContainers").zip(list(old, &["initContainers"]));
    for ((container, old), place) in pairs.zip(init.items()) {
        let is_changed = !same_as(Some(container), Some(old), of);
        // Upstream loses claims here, and so refuses containers that have any.
        remove(container, &["resources", "claims"]);
        amounts_of(&mut container["resources"], &old["resources"]);
        if !same_as(Some(container), Some(old), of) {
            place.forbidden("only cpu and memory resources for init or sidecar containers are mutable");
        }
        if is_changed && container["restartPolicy"] != "Always" {
            for policy in list(container, &["resizePolicy"]) {
                if policy["restartPolicy"] == "RestartContainer" {
                    place.forbidden(
                        "non-sidecar init containers with a resize policy of RestartContainer cannot be resized",
                    );
                }
            }
        }
    }
}

fn amounts_of(resources: &mut Value, old: &Value) {
    if resources.is_null() {
        return;
    }
    for kind in ["limits", "requests"] {
        for name in ["cpu", "memory"] {
            match old[kind].get(name) {
                Some(amount) => resources[kind][name] = amount.clone(),
                None => remove(resources, &[kind, name]),
            }
        }
        let is_empty = |amounts: &Value| amounts.as_object().is_none_or(|amounts| amounts.is_empty());
        if old.get(kind).is_none() && is_empty(&resources[kind]) {
            remove(resources, &[kind]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{self, part_errors};
    use serde_json::{Value, json};

    fn sized(resources: Value) -> Value {
        testing::defaulted(
            "",
            "pods",
            json!({
                "metadata": {"name": "p", "namespace": "n"},
                "spec": {"containers": [{"name": "c", "image": "i", "resources": resources}]},
                "status": {"qosClass": "Burstable"},
            }),
        )
    }

    fn check(new: Value, expected: &[&str]) {
        let old = sized(json!({"requests": {"cpu": "1"}}));
        assert_eq!(part_errors("", "pods", "resize", &new, &old), expected);
    }

    #[test]
    fn size_can_change_but_not_the_class() {
        check(sized(json!({"requests": {"cpu": "2"}})), &[]);
        check(sized(json!({"requests": {"cpu": "2", "memory": "1Gi"}})), &[]);
        check(
            sized(json!({})),
            &[
                r#"spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing"#,
                "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
            ],
        );
        check(
            sized(json!({"requests": {"cpu": "1", "ephemeral-storage": "1"}})),
            &["spec: Forbidden: only cpu and memory resources are mutable"],
        );
    }

    #[test]
    fn containers_stay_the_same() {
        let mut renamed = sized(json!({"requests": {"cpu": "1"}}));
        renamed["spec"]["containers"][0]["name"] = "d".into();
        check(
            renamed,
            &["spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"],
        );
    }
}
