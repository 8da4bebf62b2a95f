//! The parts of a pod that are written through endpoints of their own: its status, its ephemeral containers, its size.

use serde_json::Value;

use super::{create, internal, resize, update};
use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};
use crate::toolkit::defaults::{items_mut, remove, restore};

/// Takes from `new` only what the endpoint is there for.
pub fn prepare(subresource: &str, new: &mut Value, old: &Value) {
    match subresource {
        "status" => status(new, old),
        "ephemeralcontainers" => {
            let wanted = new["spec"].take();
            become_old(new, old);
            restore(&mut new["spec"], &wanted, "ephemeralContainers");
        }
        "resize" => resize::prepare(new, old),
        _ => {}
    }
}

/// A status says nothing of owners or of the end.
fn status(new: &mut Value, old: &Value) {
    without_gates(&mut new["status"]);
    generations_kept(&mut new["status"], &old["status"]);
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

/// What upstream leaves out as long as its feature gates are off.
fn without_gates(status: &mut Value) {
    remove(status, &["nodeAllocatableResourceClaimStatuses"]);
    for kind in [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ] {
        for container in items_mut(status, kind) {
            for mount in items_mut(container, "volumeMounts") {
                remove(mount, &["volumeStatus"]);
            }
        }
    }
}

/// Who does not know of generations leaves them as they were.
fn generations_kept(status: &mut Value, old: &Value) {
    let keep = |new: &mut Value, old: &Value| {
        if new["observedGeneration"].as_i64().unwrap_or(0) == 0 {
            restore(new, old, "observedGeneration");
        }
    };
    if status.is_object() {
        keep(status, old);
    }
    let mut old: Vec<&Value> = list(old, &["conditions"]).iter().collect();
    for condition in items_mut(status, "conditions") {
        let was = old.iter().position(|old| old["type"] == condition["type"]);
        if let Some(was) = was {
            keep(condition, old.remove(was));
        }
    }
}

/// The old pod, but under the version the client had read.
pub fn become_old(new: &mut Value, old: &Value) {
    let kept =
        ["resourceVersion", "uid", "managedFields"].map(|field| (field, new["metadata"].get(field).cloned()));
    *new = old.clone();
    for (field, value) in kept {
        if let Some(value) = value {
            new["metadata"][field] = value;
        }
    }
}

/// Ephemeral containers can be added, nothing more.
pub fn ephemeral_containers(pod: &Field, old: &Value) {
    if create::is_mirror(old) {
        return pod
            .child("")
            .forbidden("static pods do not support ephemeral containers");
    }
    create::metadata_and_spec(pod);
    update::annotations(pod, old);
    let spec = pod.child("spec");
    let containers = spec.child("ephemeralContainers");
    for old in list(old, &["spec", "ephemeralContainers"]) {
        let name = text(old, &["name"]);
        match containers.items().find(|each| each.text_of("name") == name) {
            None => containers.forbidden(&format!(
                "existing ephemeral containers {name:?} may not be removed\n"
            )),
            Some(new) if !new.is_same(Some(old)) => {
                let diff = internal::diff(old, new.value().unwrap_or(&Value::Null), new.schema());
                let complaint = format!("existing ephemeral containers {name:?} may not be changed\n{diff}");
                containers.forbidden(&complaint);
            }
            Some(_) => {}
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
