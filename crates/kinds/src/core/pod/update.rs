//! What may change in a pod: next to nothing.

use serde_json::Value;

use super::create::{self, MIRROR};
use super::{internal, validation};
use crate::toolkit::checks::not_between;
use crate::toolkit::columns::list;
use crate::toolkit::defaults::{items_mut, remove, restore};
use crate::toolkit::{Field, same, same_as, same_field};

const ONLY_ADDITIONS: &str = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
const FROZEN: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What a changed pod must be like.
pub fn rules(pod: &Field, old: &Value) {
    let spec = pod.child("spec");
    if spec.value() == old.get("spec") {
        // It was found right when it was stored.
        create::special_annotations(&pod.child("metadata").child("annotations"), &spec);
        return annotations(pod, old);
    }
    create::metadata_and_spec(pod);
    annotations(pod, old);
    let old = &old["spec"];
    let mut lists = ["containers", "initContainers"].iter();
    if lists.any(|kind| containers(&spec.child(kind), old, kind)) {
        return;
    }
    if deadline(&spec.child("activeDeadlineSeconds"), old) {
        return;
    }
    tolerations(&spec.child("tolerations"), old);
    gates(&spec.child("schedulingGates"), old);
    let is_gated = !list(old, &["schedulingGates"]).is_empty();
    if is_gated {
        node_selector(&spec.child("nodeSelector"), old);
        node_affinity(&spec, old);
    }
    let Some(new) = spec.value() else {
        return;
    };
    if spec.is_same(Some(old)) {
        return;
    }
    let thawed = thawed(new, old, is_gated);
    if !same_as(Some(&thawed), Some(old), spec.schema()) {
        let diff = internal::diff(old, &thawed, spec.schema());
        spec.forbidden(&format!("{FROZEN}\n{diff}"));
    }
}

/// Whether the list has another length.
fn containers(containers: &Field, old: &Value, kind: &str) -> bool {
    let grew = containers.len() != list(old, &[kind]).len();
    if grew {
        containers.forbidden("pod updates may not add or remove containers");
    } else {
        for container in containers.items() {
            container.child("image").needed();
            validation::container::only_in_pods(&container);
        }
    }
    grew
}

/// Whether the deadline is so wrong that nothing else is looked at.
fn deadline(deadline: &Field, old: &Value) -> bool {
    let old = old["activeDeadlineSeconds"].as_i64();
    match (deadline.int(), old) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            deadline.invalid(&not_between(0, i64::from(i32::MAX)));
            return true;
        }
        (Some(new), Some(old)) if new > old => {
            deadline.invalid("must be less than or equal to previous value");
            return true;
        }
        (None, Some(_)) => deadline.invalid("must not update from a positive integer to nil value"),
        _ => {}
    }
    false
}

/// More may be tolerated, and for another time, but not less.
fn tolerations(tolerations: &Field, old: &Value) {
    let is_same_but_for_time = |new: &Value, old: &Value| {
        ["key", "operator", "value", "effect"]
            .iter()
            .all(|field| same_field(new, old, field))
    };
    let new: Vec<&Value> = tolerations.items().filter_map(|each| each.value()).collect();
    let kept = |old: &Value| new.iter().any(|new| is_same_but_for_time(new, old));
    if !list(old, &["tolerations"]).iter().all(kept) {
        return tolerations.forbidden("existing toleration can not be modified except its tolerationSeconds");
    }
    validation::scheduling::tolerations(tolerations);
}

fn gates(gates: &Field, old: &Value) {
    for gate in gates.items() {
        let name = gate.text_of("name");
        if !list(old, &["schedulingGates"])
            .iter()
            .any(|old| old["name"] == name)
        {
            let complaint = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            gate.child("name").forbidden(&complaint);
        }
    }
}

/// While a pod is held back, its place may be narrowed down.
fn node_selector(selector: &Field, old: &Value) {
    let old = old["nodeSelector"].as_object().into_iter().flatten();
    let mut kept = old.into_iter().map(|(key, value)| selector.text_of(key) == value);
    if !kept.all(|kept| kept) {
        selector.invalid(ONLY_ADDITIONS);
    }
}

fn node_affinity(spec: &Field, old: &Value) {
    const TERMS: [&str; 4] = [
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ];
    let old = list(old, &TERMS);
    if old.is_empty() {
        return;
    }
    let affinity = spec.child(TERMS[0]);
    let nodes = affinity.child(TERMS[1]);
    let required = nodes.child(TERMS[2]);
    let terms = required.child(TERMS[3]);
    if terms.len() != old.len() {
        return terms.invalid("no additions/deletions to non-empty NodeSelectorTerms list are allowed");
    }
    for (term, old) in terms.items().zip(old) {
        let kept = ["matchExpressions", "matchFields"].iter().all(|kind| {
            let (new, old) = (term.child(kind), list(old, &[kind]));
            let mut old = old.iter().enumerate();
            old.all(|(at, old)| same(new.item(at).value(), Some(old)))
        });
        let was_empty = list(old, &["matchExpressions"]).is_empty() && list(old, &["matchFields"]).is_empty();
        if !kept || (was_empty && !term.is_same(Some(old))) {
            term.invalid("only additions are allowed (no mutations or deletions)");
        }
    }
}

fn is_repaired(new: &Value, old: &Value) -> bool {
    let seconds = |spec: &Value| spec["terminationGracePeriodSeconds"].as_i64();
    seconds(old).is_some_and(|old| old < 0) && seconds(new) == Some(1)
}

/// The new spec with everything that may change put back, to show what may not.
fn thawed(new: &Value, old: &Value, is_gated: bool) -> Value {
    let mut thawed = new.clone();
    for name in [
        "activeDeadlineSeconds",
        "tolerations",
        "schedulingGates",
        "serviceAccount",
    ] {
        restore(&mut thawed, old, name);
    }
    if is_repaired(new, old) {
        restore(&mut thawed, old, "terminationGracePeriodSeconds");
    }
    if is_gated {
        restore(&mut thawed, old, "nodeSelector");
        node_affinity_back(&mut thawed, old);
    }
    for kind in ["containers", "initContainers"] {
        for (container, old) in items_mut(&mut thawed, kind).zip(list(old, &[kind])) {
            restore(container, old, "image");
        }
    }
    thawed
}

/// The nodes that are asked for may change; what else is in the affinity may not.
fn node_affinity_back(spec: &mut Value, old: &Value) {
    let (wanted, old) = (&spec["affinity"], &old["affinity"]);
    let nodes = |affinity: &Value| affinity.get("nodeAffinity").cloned().unwrap_or_default();
    if same(Some(&nodes(wanted)), Some(&nodes(old))) {
        return;
    }
    let is_alone = wanted.get("podAffinity").is_none() && wanted.get("podAntiAffinity").is_none();
    if !wanted.is_null() && old.is_null() && is_alone {
        return remove(spec, &["affinity"]);
    }
    match nodes(old) {
        Value::Null => remove(spec, &["affinity", "nodeAffinity"]),
        nodes => spec["affinity"]["nodeAffinity"] = nodes,
    }
}

/// Some annotations never change, and those that mean something are judged again.
pub fn annotations(pod: &Field, old: &Value) {
    let metadata = pod.child("metadata");
    let annotations = metadata.child("annotations");
    let what = |key: &str| match key {
        MIRROR => Some("mirror pod annotation"),
        key if key.starts_with(create::APP_ARMOR) => Some("AppArmor annotations"),
        _ => None,
    };
    let old = old["metadata"]["annotations"].as_object();
    for (key, value) in old.into_iter().flatten() {
        if let Some(what) = what(key)
            && annotations.text_of(key) != value
        {
            annotations.forbidden_at(key, &format!("may not remove or update {what}"));
        }
    }
    for (key, annotation) in annotations.entries() {
        if let Some(what) = what(key)
            && !old.is_some_and(|old| old.contains_key(key))
        {
            annotation.forbidden(&format!("may not add {what}"));
        }
    }
    create::special_annotations(&annotations, &pod.child("spec"));
}

#[cfg(test)]
mod tests {
    use crate::testing::{self, update_errors};
    use serde_json::{Value, json};

    fn check(field: &str, old: Value, new: Value, expected: &[&str]) {
        let pod = |value: Value| {
            let mut pod = testing::defaulted(
                "",
                "pods",
                json!({
                    "metadata": {"name": "p", "namespace": "n"},
                    "spec": {"containers": [{"name": "c", "image": "i"}]},
                }),
            );
            pod["spec"][field] = value;
            pod
        };
        let errors = update_errors("", "pods", &pod(new), &pod(old));
        let firsts: Vec<&str> = errors
            .iter()
            .map(|e| e.split('\n').next().unwrap_or(""))
            .collect();
        assert_eq!(firsts, expected, "{field}");
    }

    #[test]
    fn deadlines_only_shrink() {
        let field = "activeDeadlineSeconds";
        check(field, Value::Null, json!(10), &[]);
        check(field, json!(10), json!(9), &[]);
        check(
            field,
            json!(10),
            json!(11),
            &["spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous value"],
        );
        check(
            field,
            json!(10),
            Value::Null,
            &[
                "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
            ],
        );
    }

    #[test]
    fn tolerations_only_grow() {
        let one = json!({"key": "a", "operator": "Exists", "tolerationSeconds": 1, "effect": "NoExecute"});
        let mut longer = one.clone();
        longer["tolerationSeconds"] = 5.into();
        let another = json!({"key": "b", "operator": "Exists"});
        check("tolerations", json!([one]), json!([longer, another]), &[]);
        check(
            "tolerations",
            json!([one]),
            json!([another]),
            &[
                "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
            ],
        );
    }

    #[test]
    fn most_fields_never_change() {
        let first = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,\
`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        check("nodeName", Value::Null, json!("n"), &[first]);
        check("restartPolicy", json!("Always"), json!("Never"), &[first]);
        check("terminationGracePeriodSeconds", json!(30), json!(1), &[first]);
        check("terminationGracePeriodSeconds", json!(-1), json!(1), &[]);
    }

    #[test]
    fn a_spec_that_stays_is_not_judged_again() {
        let pod = |image: &str, annotations: Value| {
            json!({
                "metadata": {"name": "p", "namespace": "n", "annotations": annotations},
                "spec": {"containers": [{"name": "c", "image": image}], "restartPolicy": "odd"},
            })
        };
        let cost = json!({"controller.kubernetes.io/pod-deletion-cost": "much"});
        let errors = update_errors("", "pods", &pod("i", cost), &pod("i", json!({})));
        assert_eq!(
            errors,
            [r#"metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "much": must be a 32bit integer"#;
                2]
        );
        let errors = update_errors("", "pods", &pod("j", json!({})), &pod("i", json!({})));
        assert!(!errors.is_empty());
    }

    #[test]
    fn a_held_pod_can_be_narrowed_down() {
        let pod = |selector: Value, gates: Value| {
            testing::defaulted(
                "",
                "pods",
                json!({
                    "metadata": {"name": "p", "namespace": "n"},
                    "spec": {"containers": [{"name": "c", "image": "i"}], "schedulingGates": gates, "nodeSelector": selector},
                }),
            )
        };
        let old = pod(json!({"disk": "ssd"}), json!([{"name": "a.b/c"}]));
        let new = pod(json!({"disk": "ssd", "zone": "a"}), json!([]));
        assert!(update_errors("", "pods", &new, &old).is_empty());
        let new = pod(json!({"disk": "hdd"}), json!([{"name": "a.b/c"}]));
        assert_eq!(
            update_errors("", "pods", &new, &old),
            [
                r#"spec.nodeSelector: Invalid value: {"disk":"hdd"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"#
            ]
        );
    }
}
