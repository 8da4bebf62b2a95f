//! Quantities by the name of the resource.

use std::collections::BTreeMap;

use meta::Quantity;
use serde_json::Value;

use crate::request::items;

pub(super) type Quantities = BTreeMap<String, Quantity>;

/// The quantities at a place in an object.
pub(super) fn quantities(object: &Value, pointer: &str) -> Quantities {
    let quantities = object.pointer(pointer).and_then(Value::as_object);
    let quantities = quantities.into_iter().flatten();
    quantities
        .filter_map(|(name, quantity)| Some((name.clone(), quantity.as_str()?.parse().ok()?)))
        .collect()
}

/// What a pod needs altogether: its containers at once, its init containers one after the other, and those among them that
/// stay beside all that come later. What the pod says for itself counts more.
pub(super) fn pod_total(pod: &Value, which: &str) -> Quantities {
    let own = |container: &Value| quantities(container, &format!("/resources/{which}"));
    let mut total = Quantities::new();
    for container in items(pod, "/spec/containers") {
        add(&mut total, &own(container));
    }
    let mut staying = Quantities::new();
    let mut largest = Quantities::new();
    for container in items(pod, "/spec/initContainers") {
        let mut needed = own(container);
        if container["restartPolicy"] == "Always" {
            add(&mut staying, &needed);
            needed = staying.clone();
        } else {
            add(&mut needed, &staying);
        }
        raise(&mut largest, &needed);
    }
    add(&mut total, &staying);
    raise(&mut total, &largest);
    total.extend(quantities(pod, &format!("/spec/resources/{which}")));
    total
}

fn add(total: &mut Quantities, more: &Quantities) {
    for (name, quantity) in more {
        let sum = total.get(name).map_or(*quantity, |total| *total + *quantity);
        total.insert(name.clone(), sum);
    }
}

fn raise(total: &mut Quantities, least: &Quantities) {
    for (name, quantity) in least {
        let larger = total.get(name).map_or(*quantity, |total| (*total).max(*quantity));
        total.insert(name.clone(), larger);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn init_containers_count_by_the_largest_and_sidecars_throughout() {
        let container = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let sidecar = json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": "10m"}}});
        let cases = [
            (json!([]), "300m"),
            (json!([container("500m")]), "500m"),
            (json!([container("200m"), sidecar]), "310m"),
            (json!([sidecar, container("500m")]), "510m"),
        ];
        for (init, expected) in cases {
            let containers = json!([container("100m"), container("200m")]);
            let pod = json!({"spec": {"containers": containers, "initContainers": init}});
            let total = pod_total(&pod, "requests");
            assert_eq!(total.get("cpu"), Some(&expected.parse().unwrap()), "{init}");
        }
    }
}
