//! The parts of a pod that are written through endpoints of their own: its status, its ephemeral containers, its size.

use serde_json::Value;

use super::create::{self, MIRROR};
use super::{internal, qos};
use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};
use crate::toolkit::defaults::{items_mut, remove, restore};
use crate::toolkit::same;

/// Takes from `new` only what the endpoint is there for.
pub fn prepare(subresource: &str, new: &mut Value, old: &Value) {
    match subresource {
        "status" => status(new, old),
        "ephemeralcontainers" => {
            let wanted = new["spec"].take();
            become_old(new, old);
            restore(&mut new["spec"], &wanted, "ephemeralContainers");
        }
        "resize" => resized(new, old),
        _ => {}
    }
}

/// A status says nothing of owners or of the end.
fn status(new: &mut Value, old: &Value) {
    if text(new, &["status", "qosClass"]).is_empty() {
        let class = text(old, &["status", "qosClass"]);
        if !class.is_empty() {
            let class = class.into();
            new["status"]["qosClass"] = class;
        }
    }
    for field in ["deletionTimestamp", "ownerReferences"] {
        restore(&mut new["metadata"], &old["metadata"], field);
    }
}

/// The old pod, but under the version the client had read.
fn become_old(new: &mut Value, old: &Value) {
    let kept =
        ["resourceVersion", "uid", "managedFields"].map(|field| (field, new["metadata"].get(field).cloned()));
    *new = old.clone();
    for (field, value) in kept {
        if let Some(value) = value {
            new["metadata"][field] = value;
        }
    }
}

fn resized(new: &mut Value, old: &Value) {
    let wanted = new["spec"].take();
    become_old(new, old);
    for kind in ["containers", "initContainers"] {
        let (wanted_list, old_list) = (list(&wanted, &[kind]), list(old, &["spec", kind]));
        let is_same_order = wanted_list.len() == old_list.len()
            && wanted_list
                .iter()
                .zip(old_list)
                .all(|(a, b)| a["name"] == b["name"]);
        if !is_same_order {
            // Validation will refuse it.
            new["spec"][kind] = Value::from(wanted_list.to_vec());
            continue;
        }
        for (container, wanted) in items_mut(&mut new["spec"], kind).zip(wanted_list) {
            for field in ["resources", "resizePolicy"] {
                restore(container, wanted, field);
            }
        }
    }
    if !wanted["resources"].is_null() || !old["spec"]["resources"].is_null() {
        restore(&mut new["spec"], &wanted, "resources");
    }
}

fn is_mirror(pod: &Field) -> bool {
    let metadata = pod.child("metadata");
    metadata.child("annotations").child(MIRROR).is_set()
}

/// Ephemeral containers can be added, nothing more.
pub fn ephemeral_containers(pod: &Field, old: &Value) {
    create::metadata_and_spec(pod);
    let spec = pod.child("spec");
    let containers = spec.child("ephemeralContainers");
    if is_mirror(pod) {
        pod.child("")
            .forbidden("static pods do not support ephemeral containers");
    }
    for old in list(old, &["spec", "ephemeralContainers"]) {
        let name = text(old, &["name"]);
        match containers.items().find(|each| each.text_of("name") == name) {
            None => containers.forbidden(&format!(
                "existing ephemeral containers {name:?} may not be removed\n"
            )),
            Some(new) if !same(new.value(), Some(old)) => {
                let diff = internal::diff(old, new.value().unwrap_or(&Value::Null), new.schema());
                let complaint = format!("existing ephemeral containers {name:?} may not be changed\n{diff}");
                containers.forbidden(&complaint);
            }
            Some(_) => {}
        }
    }
}

/// CPU and memory of running containers can be changed.
pub fn resize(pod: &Field, old: &Value) {
    create::metadata_and_spec(pod);
    let spec = pod.child("spec");
    if is_mirror(pod) {
        pod.child("").forbidden("static pods cannot be resized");
    }
    let Some(new) = pod.value() else {
        return;
    };
    let mut grew = false;
    for kind in ["containers", "initContainers"] {
        let (containers, old) = (spec.child(kind), list(old, &["spec", kind]));
        if containers.len() != old.len() {
            spec.forbidden("pod updates may not add or remove containers");
            grew = true;
        } else {
            for (container, old) in containers.items().zip(old) {
                kept_amounts(&container.child("resources"), &old["resources"]);
            }
        }
    }
    if grew {
        return;
    }
    let was = text(old, &["status", "qosClass"]);
    let was = if was.is_empty() { qos::class(old) } else { was };
    if qos::class(new) != was {
        spec.invalid_as(was, "Pod QOS Class may not change as a result of resizing");
    }
    let still = without_size(&new["spec"], &old["spec"]);
    if !same(Some(&still), Some(&old["spec"])) {
        let diff = internal::diff(&old["spec"], &still, spec.schema());
        spec.forbidden(&format!("only cpu and memory resources are mutable\n{diff}"));
    }
}

/// What was limited stays limited.
fn kept_amounts(resources: &Field, old: &Value) {
    for (kind, complaint) in [
        ("limits", "resource limits cannot be removed"),
        ("requests", "resource requests cannot be removed"),
    ] {
        let amounts = resources.child(kind);
        for name in ["cpu", "memory"] {
            if old[kind].get(name).is_some() && !amounts.key(name).is_set() {
                amounts.forbidden(complaint);
            }
        }
    }
}

/// The new spec with the old amounts of CPU and memory.
fn without_size(new: &Value, old: &Value) -> Value {
    let mut still = new.clone();
    for kind in ["containers", "initContainers"] {
        for (container, old) in items_mut(&mut still, kind).zip(list(old, &[kind])) {
            amounts_of(&mut container["resources"], &old["resources"]);
            restore(container, old, "resizePolicy");
        }
    }
    restore(&mut still, old, "resources");
    still
}

fn amounts_of(resources: &mut Value, old: &Value) {
    for kind in ["limits", "requests"] {
        for name in ["cpu", "memory"] {
            match old[kind].get(name) {
                Some(amount) => resources[kind][name] = amount.clone(),
                None => remove(resources, &[kind, name]),
            }
        }
        if old.get(kind).is_none()
            && resources[kind]
                .as_object()
                .is_none_or(|amounts| amounts.is_empty())
        {
            remove(resources, &[kind]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{self, part_errors};
    use serde_json::{Value, json};

    fn pod() -> Value {
        testing::defaulted(
            "",
            "pods",
            json!({
                "metadata": {"name": "p", "namespace": "n"},
                "spec": {
                    "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}],
                    "ephemeralContainers": [{"name": "e", "image": "i"}],
                },
                "status": {"qosClass": "Burstable"},
            }),
        )
    }

    #[test]
    fn ephemeral_containers_are_only_added() {
        let part = "ephemeralcontainers";
        let mut more = pod();
        let another = testing::defaulted(
            "",
            "pods",
            json!({"spec": {"ephemeralContainers": [{"name": "f", "image": "i"}]}}),
        );
        let list = more["spec"]["ephemeralContainers"]
            .as_array_mut()
            .expect("a list");
        list.push(another["spec"]["ephemeralContainers"][0].clone());
        assert!(part_errors("", "pods", part, &more, &pod()).is_empty());
        let mut fewer = pod();
        fewer["spec"]["ephemeralContainers"] = json!([]);
        assert_eq!(
            part_errors("", "pods", part, &fewer, &pod()),
            ["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n",]
        );
        let mut other = pod();
        other["spec"]["ephemeralContainers"][0]["image"] = "j".into();
        let errors = part_errors("", "pods", part, &other, &pod());
        assert!(errors[0].contains("may not be changed\n@@ -1,6 +1,6 @@\n {\n  \"Name\": \"e\",\n- \"Image\": \"i\",\n+ \"Image\": \"j\","), "{errors:?}");
    }

    #[test]
    fn ephemeral_containers_are_simple() {
        let mut probed = pod();
        probed["spec"]["ephemeralContainers"][0]["lifecycle"] =
            json!({"preStop": {"exec": {"command": ["x"]}}});
        assert_eq!(
            part_errors("", "pods", "ephemeralcontainers", &probed, &probed),
            ["spec.ephemeralContainers[0].lifecycle: Forbidden: cannot be set for an Ephemeral Container",]
        );
    }

    #[test]
    fn size_can_change_but_not_the_class() {
        let sized = |resources: Value| {
            let mut pod = pod();
            pod["spec"]["containers"][0]["resources"] = resources;
            pod
        };
        let errors = |resources| part_errors("", "pods", "resize", &sized(resources), &pod());
        assert!(errors(json!({"requests": {"cpu": "2"}})).is_empty());
        assert_eq!(
            errors(json!({})),
            [
                "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
                r#"spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing"#,
            ]
        );
        let errors = errors(json!({"requests": {"cpu": "1", "ephemeral-storage": "1"}}));
        assert!(
            errors[0].starts_with("spec: Forbidden: only cpu and memory resources are mutable\n@@"),
            "{errors:?}"
        );
    }

    #[test]
    fn only_the_part_is_taken() {
        let room = testing::room("", "pods");
        let mut new = pod();
        new["spec"]["nodeName"] = "n".into();
        new["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "3"}});
        room.prepare_part_for_update("resize", &mut new, &pod());
        assert_eq!(new["spec"]["containers"][0]["resources"]["requests"]["cpu"], "3");
        assert!(new["spec"].get("nodeName").is_none());
    }
}
