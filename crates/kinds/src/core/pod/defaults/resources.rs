//! Requests that follow from limits, of a container and of the pod as a whole.

use serde_json::Value;

use crate::core::resources::{is_huge_pages, total_limits, total_requests};
use crate::toolkit::defaults::{Object, is_zero, object_in, object_or_new};

/// Whoever sets a limit and no request asks for that much.
pub fn requests_from_limits(container: &mut Object) {
    let Some(resources) = object_in(container, "resources") else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if limits.is_empty() {
        return;
    }
    let Some(requests) = object_or_new(resources, "requests") else {
        return;
    };
    for (name, limit) in limits {
        requests.entry(name).or_insert(limit);
    }
}

/// What the pod as a whole asks for and may use, if it has resources of its own. Huge pages: as many as its containers may
/// use together. Else what its containers ask for together, else its limit.
pub fn pod_level(spec: &mut Object) {
    let containers = Value::Object(
        ["containers", "initContainers"]
            .iter()
            .filter_map(|&list| Some((list.to_owned(), spec.get(list)?.clone())))
            .collect(),
    );
    let Some(own) = object_in(spec, "resources") else {
        return;
    };
    let has_any = |own: &Object, list: &str| own.get(list).is_some_and(|list| !is_zero(list));
    if !has_any(own, "limits") && !has_any(own, "requests") {
        return;
    }
    let pages: Vec<_> = total_limits(Some(&containers))
        .into_iter()
        .filter(|(name, _)| is_huge_pages(name))
        .collect();
    for (name, most) in pages {
        let is_asked_for = own
            .get("requests")
            .is_some_and(|requests| !requests[&name].is_null());
        if !is_asked_for && let Some(limits) = object_or_new(own, "limits") {
            limits.entry(name).or_insert_with(|| most.to_string().into());
        }
    }
    if has_any(own, "limits") {
        requests_of_pod(own, &containers);
    }
}

fn requests_of_pod(own: &mut Object, containers: &Value) {
    let mut wanted = Object::new();
    for (name, amount) in total_requests(Some(containers)) {
        if matches!(name.as_str(), "cpu" | "memory") {
            wanted.insert(name, amount.to_string().into());
        }
    }
    for (name, limit) in own.get("limits").and_then(Value::as_object).into_iter().flatten() {
        if matches!(name.as_str(), "cpu" | "memory") || is_huge_pages(name) {
            wanted.entry(name.clone()).or_insert_with(|| limit.clone());
        }
    }
    if wanted.is_empty() {
        return;
    }
    if let Some(requests) = object_or_new(own, "requests") {
        for (name, amount) in wanted {
            requests.entry(name).or_insert(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(rule: fn(&mut Object), before: Value, after: Value) {
        let mut object = before;
        rule(object.as_object_mut().expect("an object"));
        assert_eq!(object, after);
    }

    #[test]
    fn limits_are_requests() {
        run(
            requests_from_limits,
            json!({"resources": {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"cpu": "500m"}}}),
            json!({"resources": {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"cpu": "500m", "memory": "2Gi"}}}),
        );
        run(
            requests_from_limits,
            json!({"resources": {}}),
            json!({"resources": {}}),
        );
    }

    #[test]
    fn a_pod_asks_for_what_its_containers_ask_for() {
        run(
            pod_level,
            json!({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
                   "containers": [{"resources": {"requests": {"cpu": "100m"}}}]}),
            json!({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}},
                   "containers": [{"resources": {"requests": {"cpu": "100m"}}}]}),
        );
    }
}
