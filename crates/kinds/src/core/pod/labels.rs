//! Selectors that take values from the pod's own labels: `matchLabelKeys` and `mismatchLabelKeys`.

use serde_json::{Value, json};

use crate::toolkit::defaults::{Object, object_in, object_or_new, objects};

/// Puts the values of the pod's own labels into the selectors that name them.
pub fn merge(pod: &mut Value) {
    let labels = match pod.pointer("/metadata/labels") {
        Some(Value::Object(labels)) => labels.clone(),
        _ => return,
    };
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    for constraint in objects(spec, "topologySpreadConstraints") {
        merge_keys(constraint, &labels);
    }
    let Some(affinity) = object_in(spec, "affinity") else {
        return;
    };
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = object_in(affinity, kind) else {
            continue;
        };
        for term in objects(pods, "requiredDuringSchedulingIgnoredDuringExecution") {
            merge_keys(term, &labels);
        }
        for preferred in objects(pods, "preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = object_in(preferred, "podAffinityTerm") {
                merge_keys(term, &labels);
            }
        }
    }
}

fn merge_keys(term: &mut Object, labels: &Object) {
    // Without a selector nothing is selected, and nothing can be added.
    if object_in(term, "labelSelector").is_none() {
        return;
    }
    for (list, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        let keys = term
            .get(list)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for key in keys {
            let Some((key, value)) = key
                .as_str()
                .and_then(|key| Some((key.to_owned(), labels.get(key)?)))
            else {
                continue;
            };
            let requirement = json!({"key": key, "operator": operator, "values": [value]});
            if let Some(selector) = object_or_new(term, "labelSelector") {
                let expressions = selector.entry("matchExpressions").or_insert_with(|| json!([]));
                if let Some(expressions) = expressions.as_array_mut() {
                    expressions.push(requirement);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_labels_become_requirements() {
        let mut pod = json!({
            "metadata": {"labels": {"version": "2"}},
            "spec": {"topologySpreadConstraints": [
                {"labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["version", "none"]},
                {"matchLabelKeys": ["version"]},
            ]},
        });
        merge(&mut pod);
        let constraints = &pod["spec"]["topologySpreadConstraints"];
        assert_eq!(
            constraints[0]["labelSelector"]["matchExpressions"],
            json!([{"key": "version", "operator": "In", "values": ["2"]}])
        );
        assert!(constraints[1].get("labelSelector").is_none());
    }
}
