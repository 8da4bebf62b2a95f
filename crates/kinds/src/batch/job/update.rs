//! What may change in a job.

use serde_json::Value;

use super::validation;
use crate::toolkit::columns::{list, text};
use crate::toolkit::defaults::{items_mut, restore};
use crate::toolkit::{Field, same, same_as, same_field};

/// The rules for a change.
pub fn rules(job: &Field, old: &Value) {
    validation::rules(job);
    let spec = job.child("spec");
    // Upstream says everything that is wrong with the spec twice here.
    validation::spec(&spec);
    let old_spec = &old["spec"];
    completions(&spec, old_spec);
    spec.child("selector").immutable(old_spec.get("selector"));
    template(&spec, old);
    for field in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        spec.child(field).immutable(old_spec.get(field));
    }
}

/// An indexed job grows and shrinks as a whole.
fn completions(spec: &Field, old: &Value) {
    let completions = spec.child("completions");
    if spec.text_of("completionMode") != "Indexed" {
        return completions.immutable(old.get("completions"));
    }
    let changed = !same(completions.value(), old.get("completions"));
    if changed && completions.is_set() && completions.number() != spec.child("parallelism").number() {
        completions.invalid("can only be modified in tandem with spec.parallelism");
    }
}

/// The template stays, but for where its pods go, as long as the job waits to be started.
fn template(spec: &Field, old: &Value) {
    let template = spec.child("template");
    let old_template = &old["spec"]["template"];
    if old["spec"]["suspend"] != Value::Bool(true) || !waits(&old["status"]) {
        return template.immutable(Some(old_template));
    }
    let pod = template.child("spec");
    let Some(new) = pod.value() else {
        return;
    };
    let old = &old_template["spec"];
    let mut allowed = new.clone();
    for field in ["nodeSelector", "tolerations", "schedulingGates"] {
        restore(&mut allowed, old, field);
    }
    node_affinity(&mut allowed, old);
    for list in ["containers", "initContainers"] {
        resources(&mut allowed, old, list);
    }
    if !same_as(Some(&allowed), Some(old), pod.schema()) {
        pod.invalid("field is immutable");
    }
}

/// Whether none of the job's pods runs: it was never started, or was stopped.
fn waits(status: &Value) -> bool {
    let mut conditions = list(status, &["conditions"]).iter();
    let is_stopped = conditions.any(|each| each["type"] == "Suspended" && each["status"] == "True");
    (text(status, &["startTime"]).is_empty() || is_stopped) && status["active"].as_i64().unwrap_or(0) == 0
}

fn node_affinity(pod: &mut Value, old: &Value) {
    let others =
        |affinity: &Value| ["podAffinity", "podAntiAffinity"].map(|kind| affinity.get(kind).cloned());
    if others(&pod["affinity"]) == others(&old["affinity"]) {
        restore(pod, old, "affinity");
    }
}

fn resources(pod: &mut Value, old: &Value, list: &str) {
    let old = old[list].as_array().map_or(&[][..], Vec::as_slice);
    for (container, old) in items_mut(pod, list).zip(old) {
        if same_field(container, old, "name") {
            restore(container, old, "resources");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{defaulted, room, update_errors};
    use serde_json::{Value, json};

    fn job(fields: Value) -> Value {
        let template =
            json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
        let mut spec = json!({"template": template});
        for (field, value) in fields.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        let mut job = defaulted(
            "batch",
            "jobs",
            json!({"metadata": {"name": "j", "uid": "u"}, "spec": spec}),
        );
        room("batch", "jobs").prepare_for_create(&mut job);
        job
    }

    #[test]
    fn completions_stay_or_grow_as_a_whole() {
        let errors = |new: Value, old: Value| update_errors("batch", "jobs", &job(new), &job(old));
        assert_eq!(
            errors(json!({"completions": 4}), json!({"completions": 3})),
            ["spec.completions: Invalid value: 4: field is immutable",]
        );
        let indexed = |completions: i64, parallelism: i64| json!({"completionMode": "Indexed", "completions": completions, "parallelism": parallelism});
        assert!(errors(indexed(5, 5), indexed(3, 1)).is_empty());
        assert_eq!(
            errors(indexed(5, 1), indexed(3, 1)),
            ["spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism",]
        );
    }

    #[test]
    fn a_waiting_job_can_be_sent_elsewhere() {
        let elsewhere = |suspended: bool| {
            let old = job(json!({"suspend": suspended}));
            let mut new = old.clone();
            new["spec"]["template"]["spec"]["nodeSelector"] = json!({"a": "b"});
            update_errors("batch", "jobs", &new, &old).len()
        };
        assert_eq!([elsewhere(true), elsewhere(false)], [0, 1]);
    }
}
